#!/bin/sh
# Redacts one file with bin/ksamenet, with a registry of its own beside the output, so that a demonstration enrols nobody
# in the user's registry. Usage: demo.sh INPUT OUTPUT K; empty means the default.
#
# Without INPUT: the sample, k = 3. With INPUT and without K: --uncertified, since a file of fewer than five people cannot
# be certified in a fresh registry; the report says so. With K the run stops (exit code 4) when there are fewer.
set -eu
input=$1 output=$2 k=$3

if [ -z "$input" ]; then
    input=examples/sample/sample.mp4
    k=${k:-3}
fi
if [ ! -e "$input" ]; then
    echo "demo: there is no $input" >&2
    exit 2
fi
base=${input##*/}
name=${base%.*}
extension=${base##*.}
output=${output:-out/$name.redacted.$extension}
registry=${output%.*}.registry.db
key=${output%.*}.registry.key
mkdir -p "$(dirname "$output")"

[ -e "$registry" ] || bin/ksamenet registry init --registry "$registry" --key-file "$key"
if [ -n "$k" ]; then
    set -- --k "$k"
else
    echo "demo: no K is given: if fewer than 5 people are known, everyone shares one surrogate and the report says NOT CERTIFIED"
    set -- --uncertified
fi
exec bin/ksamenet redact "$@" --registry "$registry" --key-file "$key" --overwrite -o "$output" "$input"
