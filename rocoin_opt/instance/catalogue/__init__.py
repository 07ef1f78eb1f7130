"""Measured devices, counted networks and nominal links, each number with its source."""

from rocoin_opt.instance.catalogue.devices import CatalogueDevice, devices
from rocoin_opt.instance.catalogue.links import Link, links
from rocoin_opt.instance.catalogue.networks import Network, Precision, networks, students

__all__ = ["CatalogueDevice", "Link", "Network", "Precision", "devices", "links", "networks", "students"]
