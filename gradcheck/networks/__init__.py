"""The networks. To add one, declare it in the module it belongs to: a program, data, a reason."""

from gradcheck.networks.network import Network, networks
from gradcheck.subscriptable import make_mapping

__all__ = ["Network", "networks"]

make_mapping(__name__, networks)
