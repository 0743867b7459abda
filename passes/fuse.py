"""x"""

from brasa.ir.graph import Graph, Node, rewrite, graph_of, Kind
from brasa.ir.ops.control import fused
from brasa.ir.ops.source import make_input


def fuse(graph: Graph) -> Graph:
    def change(node: Node) -> Node:
        if node.op.kind is Kind.CONTROL or (node.op.name == "reshape" and not node.operands[0].attrs.get("strides")):
            return node
        seen = list(dict.fromkeys(node.operands))
        ins = {
            x: make_input(f"x{i}", x.tensor, strides=x.attrs.get("strides", ()) if x.op.name == "input" else ())
            for i, x in enumerate(seen)
        }
        return fused(
            *seen,
            graph=Graph(
                node.op.name, tuple(ins.values()), (n := node.replace(tuple(ins[x] for x in node.operands)),), (n,)
            ),
        )

    result = rewrite(graph, change)
    outs, done, extra = [], set(), []
    for o in result.outputs:
        if o.op.name in ("input", "reshape") or o in done:
            i = make_input("x0", o.tensor, strides=o.attrs.get("strides", ()) if o.op.name == "input" else ())
            o = fused(o, graph=Graph("copy", (i,), (), (i,)))
            extra.append(o)
        done.add(o)
        outs.append(o)
    return Graph(result.name, result.inputs, (*result.nodes, *extra), tuple(outs), result.updates)
