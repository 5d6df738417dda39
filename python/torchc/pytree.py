"""Nested inputs and outputs, by the specs that torch.export writes. Needs no PyTorch.

A spec is the text of `torch.utils._pytree.treespec_dumps`: a tree of nodes, each with the name
of its type, a context (the keys of a dict, say) and children; a leaf has no type.
"""
import collections
import functools
import json
import sys

_SEQUENCES = {"builtins.tuple": tuple, "builtins.list": list, "collections.deque": collections.deque}
_MAPPINGS = {"builtins.dict": dict, "collections.OrderedDict": collections.OrderedDict}
_NATIVE_TYPES = {"builtins.tuple": tuple, "builtins.list": list, "builtins.dict": dict}


class Spec:
    """The structure of nested values."""

    def __init__(self, text):
        version, self._root = json.loads(text)
        if version != 1:
            raise ValueError(f"a pytree spec of version {version}; this reader knows version 1")
        self._text = text
        self.leaf_count = _count_leaves(self._root)
        self._is_foreign = _has_foreign_types(self._root)

    def describe(self):
        """The tree as the runtime takes it: None for a leaf, else (type, keys or None, children). NotImplemented where
        there is another type than tuple, list and dict."""
        return _describe(self._root)

    def flatten_call(self, args, kwargs):
        """The leaves of a call, whose spec is that of (args, kwargs), in order. Raises TypeError where
        the structure is another one."""
        positional, named = self._root["children_spec"]
        wanted = positional["children_spec"]
        if len(args) != len(wanted):
            raise TypeError(f"takes {len(wanted)} inputs, got {len(args)}")
        leaves = []
        _flatten(positional, args, "input", leaves)
        _flatten(named, kwargs, "input", leaves)
        return leaves

    def unflatten(self, leaves):
        """The nested value with these leaves. A type that only PyTorch knows, a model's output class
        for one, needs PyTorch, and the module that has it, to be imported; without them, it is a dict or a tuple."""
        torch = sys.modules.get("torch")
        if torch is not None and self._is_foreign:
            from torch.utils import _pytree

            try:
                spec = _pytree.treespec_loads(self._text)
            except (NotImplementedError, TypeError):
                pass
            else:
                return _pytree.tree_unflatten(list(leaves), spec)
        return _unflatten(self._root, iter(leaves))


def _describe(node):
    kind = node["type"]
    if kind is None:
        return None
    if kind not in _NATIVE_TYPES:
        return NotImplemented
    children, keys = [_describe(child) for child in node["children_spec"]], _keys(node)
    if NotImplemented in children or (kind == "builtins.dict" and keys is None):
        return NotImplemented
    return _NATIVE_TYPES[kind], keys, children


@functools.lru_cache(maxsize=None)
def _find_named_tuple(context):
    """The class that the text describes: the program's own if it has that, else one like it."""
    described = json.loads(context)
    if not isinstance(described, dict):  # A name that PyTorch keeps.
        return lambda *values: values
    own = sys.modules.get(described["module"])
    for name in described["name"].split("."):
        own = getattr(own, name, None)
    if getattr(own, "_fields", None) == tuple(described["fields"]):
        return own
    return collections.namedtuple(described["name"].split(".")[-1], described["fields"])


def _count_leaves(node):
    return 1 if node["type"] is None else sum(map(_count_leaves, node["children_spec"]))


def _keys(node):
    context = node["context"]
    keys = json.loads(context) if isinstance(context, str) else context
    return keys if isinstance(keys, list) and len(keys) == len(node["children_spec"]) else None


def _has_foreign_types(node):
    kind = node["type"]
    return not (kind is None or kind in _SEQUENCES or kind in _MAPPINGS) or any(map(_has_foreign_types, node["children_spec"]))


def _flatten(node, value, what, leaves):
    kind, children = node["type"], node["children_spec"]
    if kind is None:
        leaves.append(value)
        return
    keys = _keys(node)
    if kind in _MAPPINGS or (keys is not None and isinstance(value, dict)):
        if not isinstance(value, dict) or set(value) != set(keys):
            got = f"keys {sorted(map(str, value))}" if isinstance(value, dict) else type(value).__name__
            raise TypeError(f"{what}: expected a dict with keys {sorted(map(str, keys))}, got {got}")
        values, names = [value[key] for key in keys], [f"{what}[{key!r}]" for key in keys]
    elif kind in _SEQUENCES or isinstance(value, (tuple, list)):
        if not isinstance(value, (tuple, list, collections.deque)) or len(value) != len(children):
            got = f"{len(value)}" if isinstance(value, (tuple, list, collections.deque)) else type(value).__name__
            raise TypeError(f"{what}: expected {len(children)} values, got {got}")
        values, names = list(value), [f"{what} {i}" if what == "input" else f"{what}[{i}]" for i in range(len(children))]
    elif keys is not None and all(hasattr(value, str(key)) for key in keys):
        values, names = [getattr(value, str(key)) for key in keys], [f"{what}.{key}" for key in keys]
    else:
        raise TypeError(f"{what}: expected a {kind}, got {type(value).__name__}")
    for child, inner, name in zip(children, values, names):
        _flatten(child, inner, name, leaves)


def _unflatten(node, leaves):
    kind = node["type"]
    if kind is None:
        return next(leaves)
    children = [_unflatten(child, leaves) for child in node["children_spec"]]
    if kind == "collections.namedtuple":
        return _find_named_tuple(node["context"])(*children)
    keys = _keys(node)
    if kind in _MAPPINGS or (kind not in _SEQUENCES and keys is not None):
        return _MAPPINGS.get(kind, dict)(zip(keys, children))
    return _SEQUENCES.get(kind, tuple)(children)
