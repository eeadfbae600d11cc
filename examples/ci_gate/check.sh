#!/usr/bin/env bash
# What a release runs: trains a network, audits it, and holds the audit against a policy.
# Ends with the gate's exit code: 0 passed, 1 failed, 2 wrong input, 3 audit not finished.
#
#     check.sh FOLDER [POLICY] [BASELINE]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?expected a folder for the model, the audit and the results}
policy=${2:-$here/policy.toml}
baseline=${3:-}

# What is done already is not done twice.
if [ ! -f "$folder/run/audit.json" ]; then
    rafair train --dataset affairs --epochs "${EPOCHS:-20}" --seed "${MODEL_SEED:-0}" \
        --out "$folder/model"
    rafair audit --model "$folder/model" --instances "${INSTANCES:-200}" \
        --steps "${STEPS:-10}" --out "$folder/run"
fi

format=text
if [ -n "${GITHUB_ACTIONS:-}" ]; then
    format=github
fi
set -- "$folder/run" --policy "$policy" --format "$format" \
    --junit "$folder/gate.xml" --json "$folder/gate.json"
if [ -n "$baseline" ]; then
    set -- "$@" --baseline "$baseline"
fi
rafair gate "$@"
