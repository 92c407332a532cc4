"""Charts: names and numbers go in, an SVG comes out."""

from xml.sax.saxutils import escape

ROW = 26
LEFT = 270
WIDTH = 420


def panels(title, charts):
    """Charts below each other, each {row: {series: value}}, on one scale."""
    scale = WIDTH / max(value for rows in charts.values()
                        for series in rows.values()
                        for value in series.values())
    lines, y = [], 40
    for name, rows in charts.items():
        lines.append(f'<text x="10" y="{y}" font-weight="bold">'
                     f'{escape(name)}</text>')
        y += 6
        for row, series in rows.items():
            y += 6
            lines.append(f'<text x="{LEFT - 8}" y="{y + 13}" '
                         f'text-anchor="end">{escape(row)}</text>')
            for what, value in series.items():
                color = "#94a3b8" if what.startswith("bare") else "#2563eb"
                lines += [
                    f'<rect x="{LEFT}" y="{y}" width="{value * scale:.0f}" '
                    f'height="12" fill="{color}"/>',
                    f'<text x="{LEFT + value * scale + 6:.0f}" y="{y + 11}" '
                    f'font-size="11">{value:.1f} {escape(what)}</text>']
                y += 14
        y += 24
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'width="{LEFT + WIDTH + 140}" height="{y}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="18" font-weight="bold">{escape(title)}</text>',
        *lines, "</svg>", ""])


def bars(title, values):
    """A horizontal bar for each, those beyond five times the base broken."""
    limit = 5
    scale = WIDTH / limit
    height = ROW * (len(values) + 1) + 14
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" '
             f'width="{LEFT + WIDTH + 70}" height="{height}" '
             'font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="19" font-weight="bold">{escape(title)}</text>']
    for row, (name, value) in enumerate(values.items(), 1):
        y = ROW * row + 6
        color = "#2563eb" if name.startswith("leadgen") else "#94a3b8"
        width = min(value, limit) * scale
        lines += [
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">'
            f'{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{width:.0f}" height="18" '
            f'fill="{color}"/>',
            f'<text x="{LEFT + width + 6:.0f}" y="{y + 14}">'
            f'{value:.2f}</text>']
        if value > limit:
            lines += [f'<line x1="{LEFT + width - place}" y1="{y + 21}" '
                      f'x2="{LEFT + width - place + 8}" y2="{y - 3}" '
                      'stroke="white" stroke-width="3"/>'
                      for place in (28, 21)]
    lines.append(f'<line x1="{LEFT + scale:.0f}" y1="{ROW}" '
                 f'x2="{LEFT + scale:.0f}" y2="{height - 6}" '
                 'stroke="#0f172a" stroke-dasharray="3 3"/>')
    return "\n".join([*lines, "</svg>", ""])
