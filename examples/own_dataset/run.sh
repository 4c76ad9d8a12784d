#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Draw a few clips, name them as this layout wants, and let shiftcore read them.
set -e
shiftcore synthesize --data drawn --clips 8
mkdir -p clips
number=0
for clip in drawn/*/*.mp4; do
	label=$(basename "$(dirname "$clip")")
	cp "$clip" "clips/$label@camera$((number % 4))@$number.mp4"
	number=$((number + 1))
done
shiftcore data-report --data clips
