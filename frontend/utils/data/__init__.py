"""Datasets, samplers and the DataLoader, with the names of `torch.utils.data`."""

from brasa.utils.data.collate import default_collate as default_collate
from brasa.utils.data.collate import default_convert as default_convert
from brasa.utils.data.dataloader import DataLoader as DataLoader
from brasa.utils.data.dataset import ChainDataset as ChainDataset
from brasa.utils.data.dataset import ConcatDataset as ConcatDataset
from brasa.utils.data.dataset import Dataset as Dataset
from brasa.utils.data.dataset import IterableDataset as IterableDataset
from brasa.utils.data.dataset import StackDataset as StackDataset
from brasa.utils.data.dataset import Subset as Subset
from brasa.utils.data.dataset import TensorDataset as TensorDataset
from brasa.utils.data.dataset import random_split as random_split
from brasa.utils.data.distributed import DistributedSampler as DistributedSampler
from brasa.utils.data.sampler import BatchSampler as BatchSampler
from brasa.utils.data.sampler import RandomSampler as RandomSampler
from brasa.utils.data.sampler import Sampler as Sampler
from brasa.utils.data.sampler import SequentialSampler as SequentialSampler
from brasa.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from brasa.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from brasa.utils.data.worker_info import get_worker_info as get_worker_info
