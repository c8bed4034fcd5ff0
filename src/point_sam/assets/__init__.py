"""Files that the package carries along.

extinguisher.ply: the sample of `point-sam demo`, CC0; where it is from stands in examples/data/README.md. It is the
same file as there (git stores it once, a test compares the two): a wheel, an editable install and a source archive then
have it in one place alike, which neither a link nor a build-time copy gives.
"""
