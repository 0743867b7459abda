"""Text as numbers and back: vocabularies with torchtext's names, and tokenizers of characters and of parts of words."""

from brasa.text.characters import CharacterTokenizer as CharacterTokenizer
from brasa.text.subwords import SubwordTokenizer as SubwordTokenizer
from brasa.text.tokenizer import Encoded as Encoded
from brasa.text.tokenizer import Tokenizer as Tokenizer
from brasa.text.vocabulary import UnknownTokenError as UnknownTokenError
from brasa.text.vocabulary import Vocab as Vocab
from brasa.text.vocabulary import build_vocab_from_iterator as build_vocab_from_iterator
from brasa.text.vocabulary import vocab as vocab
