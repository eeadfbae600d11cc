"""The whole report as GitHub-flavoured Markdown."""

from __future__ import annotations

from rafair.blocks import markdown
from rafair.blocks.block_types import Block, Heading
from rafair.reports.report_contents import Contents
from rafair.reports.report_sections import sections


def as_markdown(contents: Contents) -> str:
    """The report's text, with its first cases."""
    blocks: list[Block] = [Heading(contents.title, 1)]
    for section in sections(contents):
        blocks += [Heading(section.title), *section.blocks]
    return markdown.as_markdown(blocks)
