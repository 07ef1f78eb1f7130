"""Seeded families of instances."""

from rocoin_opt.instance.generate.activations import activation_graph
from rocoin_opt.instance.generate.families import FAMILIES, Family
from rocoin_opt.instance.generate.generator import generate

__all__ = ["FAMILIES", "Family", "activation_graph", "generate"]
