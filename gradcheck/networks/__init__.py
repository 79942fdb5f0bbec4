"""The networks. To add one, declare it in the module it belongs to: a program, data, a reason."""

from gradcheck.networks.network import Network, networks

__all__ = ["Network", "networks"]
