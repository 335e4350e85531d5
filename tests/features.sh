#!/bin/sh
# Which of the numbered features (tests/features.tsv) have a test named after them (`f004_…`).
cd "$(dirname "$0")/.." || exit 1
tested=$(grep -rhoE 'fn f[0-9]{3}_' --include='*.rs' engine plugins tests sdk --exclude-dir=target | grep -oE '[0-9]{3}' | sort -u)
awk -F'\t' -v tested="$tested" '
  BEGIN { n = split(tested, numbers, "\n"); for (i = 1; i <= n; i++) has["F" numbers[i]] = 1 }
  NR == 1 { next }
  {
    if (!($3 in all)) order[++areas] = $3
    all[$3]++; total++
    if ($1 in has) { done[$3]++; covered++ } else missing[$3] = missing[$3] "\n    " $1 " (" $2 ") " $4
  }
  END {
    for (i = 1; i <= areas; i++) {
      area = order[i]
      printf "%3d of %3d  %s%s\n", done[area], all[area], area, missing[area]
    }
    printf "%d of %d features have a test\n", covered, total
  }' tests/features.tsv
