"""What all distributions are: shapes, checked parameters and values, and what follows from a few methods."""

from __future__ import annotations

from typing import Any, ClassVar

from brasa.autograd import no_grad
from brasa.distributions.constraints import Constraint, is_dependent
from brasa.distributions.parameters import lazy_property
from brasa.ir.errors import NotImplementedError, Operand, ValueError
from brasa.tensors.spec import Size
from brasa.tensors.tensor import Tensor, type_text


class Distribution:
    """A distribution of tensors of `event_shape`, independent and with parameters of their own over `batch_shape`.

    validate_args: check parameters when it is made and values when their probability is asked for; None is the
    default, which is to check. A check looks at values, so a compiled program is followed, not sealed, until it is told
    not to. The parameters of a subclass are the attributes that `arg_constraints` names.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions check their arguments where they are not told."""
        if value not in (True, False):
            raise ValueError(f"expected True or False, not {value!r}", op="set_default_validate_args")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                derived = name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property)
                if not is_dependent(constraint) and not derived:
                    self._require(name, getattr(self, name), constraint)

    def _require(self, name: str, value: Any, constraint: Constraint) -> None:
        holds = constraint.check(value)
        if not bool(holds.all()):
            wrong = value[~holds][0].tolist()
            raise ValueError(
                f"{name} must satisfy {constraint}, the first that does not is {wrong}", op=type(self).__name__,
                operands=(Operand(name, type_text(value)),),
            )  # fmt: skip

    # shapes

    @property
    def batch_shape(self) -> Size:
        """The shape over which parameters are independent."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        """The shape of samples: sample_shape, batch_shape, event_shape."""
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """An empty distribution of the same class, for expand to fill."""
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError("a subclass that defines __init__ must also define expand",
                                      op=type(self).__name__)  # fmt: skip
        return self.__new__(type(self)) if _instance is None else _instance

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution with its parameters expanded to a batch_shape."""
        new = type(self).__new__(type(self)) if _instance is None else _instance
        rank = len(self._batch_shape)
        new.__dict__.update({name: value for name, value in self.__dict__.items() if not isinstance(value, Tensor)})
        for name in self.arg_constraints:
            value = self.__dict__.get(name)
            if isinstance(value, Tensor):
                new.__dict__[name] = value.expand((*batch_shape, *value.shape[rank:]))
        new._batch_shape = Size(batch_shape)
        return new

    # what subclasses define

    @property
    def support(self) -> Constraint:
        """The constraint that values satisfy."""
        raise self._undefined("support")

    @property
    def mean(self) -> Any:
        """The mean."""
        raise self._undefined("mean")

    @property
    def mode(self) -> Any:
        """The most likely value."""
        raise self._undefined("mode")

    @property
    def variance(self) -> Any:
        """The variance."""
        raise self._undefined("variance")

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Any:
        """Values of shape sample_shape + batch_shape + event_shape, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """As sample, with gradients by the parameters: what `has_rsample` says exists."""
        raise self._undefined("rsample")

    def sample_n(self, n: int) -> Any:
        """sample((n,)), by its older name."""
        return self.sample((n,))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability, at values; ValueError for values that cannot be."""
        raise self._undefined("log_prob")

    def cdf(self, value: Any) -> Any:
        """The probability of values up to this one."""
        raise self._undefined("cdf")

    def icdf(self, value: Any) -> Any:
        """The value up to which the probability is this."""
        raise self._undefined("icdf")

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values along a new first dim, over batch_shape if expand; for discrete distributions."""
        raise self._undefined("enumerate_support")

    def entropy(self) -> Any:
        """The entropy in nats, of shape batch_shape."""
        raise self._undefined("entropy")

    def perplexity(self) -> Any:
        """exp of the entropy."""
        return self.entropy().exp()

    def _undefined(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{what} is not defined", op=type(self).__name__)

    # values

    def _validate_sample(self, value: Any) -> None:
        """ValueError unless the value has a shape that fits and, if there is a support, lies in it."""
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"the value must be a tensor, not {type(value).__name__}", op=name)
        rank = len(self._event_shape)
        if tuple(value.shape[value.ndim - rank :]) != tuple(self._event_shape) or value.ndim < rank:
            raise ValueError(f"the value's shape {list(value.shape)} does not end with the event's, "
                             f"{list(self._event_shape)}", op=name)  # fmt: skip
        expected = self._extended_shape()
        for found, size in zip(reversed(value.shape), reversed(expected), strict=False):
            if found != 1 and size != 1 and found != size:
                raise ValueError(f"the value's shape {list(value.shape)} cannot be broadcast with batch and event, "
                                 f"{list(expected)}", op=name)  # fmt: skip
        if type(self).support is Distribution.support:
            return
        self._require("the value", value, self.support)

    def _checked(self, value: Any) -> Any:
        """The value, validated if arguments are."""
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self) -> str:
        given = ((name, self.__dict__[name]) for name in self.arg_constraints if name in self.__dict__)
        shown = (f"{name}: {value.tolist() if value.numel() == 1 else value.shape}" for name, value in given)
        return f"{type(self).__name__}({', '.join(shown)})"
