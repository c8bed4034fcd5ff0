"""The browser viewer. Everything but `server`, `app` and `ui*` works without a browser and without viser.

`scene` what is opened; `drawing`, `picking`, `coloring` what is shown; `workspace` and `objects` one person's work;
`library` and `work` what people share; `exporting`, `restoring` and `autosave` what is kept.
"""
