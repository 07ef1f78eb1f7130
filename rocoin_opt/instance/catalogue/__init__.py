"""Measured devices and boards, counted networks and nominal links, each number with its source."""

from rocoin_opt.instance.catalogue.boards import MeasuredBoard, backbone_students, boards
from rocoin_opt.instance.catalogue.devices import CatalogueDevice, devices
from rocoin_opt.instance.catalogue.links import Link, links
from rocoin_opt.instance.catalogue.networks import Network, Precision, backbones, networks, students

__all__ = [
    "CatalogueDevice",
    "Link",
    "MeasuredBoard",
    "Network",
    "Precision",
    "backbone_students",
    "backbones",
    "boards",
    "devices",
    "links",
    "networks",
    "students",
]
