"""The browser viewer. Everything but `server`, `app` and `ui*` works without a browser and without viser.

`scene` is what is opened; `drawing`, `picking`, `coloring` are what is shown of it; `workspace` is one person's work,
with its `state`, the `current` object and accepted `objects`; `library` and `work` are what people share; `exporting`,
`restoring`, `records`, `downloads` and `autosave` are what is kept; `asked`, `paths` and `security` check what comes
from outside, and `telling` words what goes wrong.
"""
