"""A gate's decision as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from rafair._version import __version__
from rafair.engine.text_file import write_whole
from rafair.gating.gate_decision import Decision, Finding, RunFacts, Status
from rafair.reports.gate_text import numbered
from rafair.sanitize import visible

SUITE = "rafair gate"


def junit(decision: Decision) -> str:
    """A test suite with a test case for each finding.

    What fails the gate is a failure; what was not measured or judged, and does not fail it, is
    skipped. Properties name the runs by the hashes of their `audit.json`.
    """
    findings = decision.findings
    counts = {
        "name": SUITE,
        "tests": str(len(findings)),
        "failures": str(sum(finding.blocks for finding in findings)),
        "errors": "0",
        "skipped": str(sum(_is_skipped(finding) for finding in findings)),
        "time": "0",
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", counts)
    properties = ET.SubElement(suite, "properties")
    facts = {"rafair.version": __version__, "verdict": decision.verdict, **_of("run", decision.run)}
    if decision.baseline:
        facts |= _of("baseline", decision.baseline)
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=visible(value))
    for finding in findings:
        suite.append(_case(finding))
    ET.indent(suites)
    # of what is visible, all characters may stand in XML
    return ET.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def write_junit(decision: Decision, path: Path) -> None:
    """Writes the file; it is whole or not there.

    Raises:
        InputError: If it may not be written to.
        StorageError: If the disk is full.
    """
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + junit(decision)
    write_whole(path, text)


def _case(finding: Finding) -> ET.Element:
    case = ET.Element("testcase", classname=SUITE, name=visible(numbered(finding)), time="0")
    sentence = visible(finding.sentence)
    if finding.blocks:
        failure = ET.SubElement(case, "failure", message=sentence, type=str(finding.status))
        failure.text = f"{visible(finding.title)}\n{sentence}"
    elif _is_skipped(finding):
        ET.SubElement(case, "skipped", message=f"{finding.status}: {sentence}")
    else:
        ET.SubElement(case, "system-out").text = sentence
    return case


def _is_skipped(finding: Finding) -> bool:
    return not finding.blocks and finding.status is not Status.PASSED


def _of(what: str, run: RunFacts) -> dict[str, str]:
    facts = {
        "folder": run.folder,
        "sha256": run.sha256,
        "dataset": run.dataset,
        "model": run.model,
        "model_sha256": run.model_sha256 or "",
        "created": run.created,
        "instances": str(run.instances),
    }
    return {f"{what}.{name}": value for name, value in facts.items()}
