"""The object collection, rebuilt from 3D models that public packages carry.

A package's models are read, never imported or run. Robots, furniture, vehicles and household things come in parts: the
links of a robot, the groups of an OBJ, the nodes of a scene. Each model becomes a cloud whose points carry the part
they lie on, at two granularities.

Order of the modules: `catalog/` says which models there are; `urdf`, `sdf`, `mjcf`, `obj`, `gltf` read one into
`pieces`; `labels`, `sampling` and `visibility` turn pieces into a cloud; `packing` makes one file of all of them;
`builder` runs the whole, for `__main__`.
"""
