"""The documentation site: Sphinx with MyST and furo; nothing is fetched when it is built or read."""

from gradcheck import __version__

project = "gradcheck"
author = "The gradcheck developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"gradcheck {version}"
html_static_path: list[str] = []
html_copy_source = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_mock_imports = ["torch", "jax", "sklearn", "autograd"]
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository, which the site does not hold
