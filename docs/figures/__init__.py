"""Pictures of the pages, drawn while the site is built: those of the package's own reports, and some for teaching."""
