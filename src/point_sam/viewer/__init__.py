"""The browser viewer. Everything but `server`, `viser_private` and `ui*` works without a browser and without viser.

`scene` is what is opened; `drawing`, `picking`, `coloring` are what is shown of it; `workspace` is one person's work,
with its `objects`; `app`, `encoding_cache` and `work` are what people share; `exporting`, `restoring`, `records` and
`autosave` are what is kept; `paths` and `security` check what comes from outside.
"""
