"""Parts of pages: SVG, HTML and Markdown, made of plain values."""
