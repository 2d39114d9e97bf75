#!/bin/sh
# A job for CI: fails when this commit makes a kernel of suite.yaml slower than the commit it started from, by more than 5 %
# beyond doubt. Both are measured in turn in one run, on the machine that runs the job, so nothing about it has to be known.
#
#   ci.sh [BASE [OPTION OF plait perf run …]]      BASE: what to compare with; origin/main unless given
set -eu
cd "$(dirname "$0")"
base=${1:-origin/main}
[ $# -eq 0 ] || shift
commit=$(git rev-parse --short HEAD)
here=$(git rev-parse --show-prefix)
before=$(mktemp -d)
trap 'git worktree remove --force "$before/tree"; rm -rf "$before"' EXIT
git worktree add --quiet --detach "$before/tree" "$(git merge-base HEAD "$base")"

mkdir -p results
plait perf run suite.yaml --baseline "$before/tree/$here" --commit "$commit" -o "results/$commit.json" "$@"
plait perf report $(ls -tr results/*.json | grep -v baseline) -o results/report.html
plait perf compare "results/$commit.json" --fail-above 5%
