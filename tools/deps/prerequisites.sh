#!/bin/sh
# Checks what `make deps` cannot bring itself: Go, Python, and, where there is no apt-get, a C and C++ compiler.
# Names everything that is missing, each with what mends it. Usage: prerequisites.sh PYTHON
set -u
python=${1:-python3}
missing=0

need() {
    echo "deps: missing: $1" >&2
    echo "      $2" >&2
    missing=1
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least MAJOR.MINOR WANT_MAJOR WANT_MINOR
at_least() {
    major=${1%%.*}
    rest=${1#*.}
    minor=${rest%%[!0-9]*}
    [ "$major" -gt "$2" ] 2>/dev/null || { [ "$major" -eq "$2" ] && [ "${minor:-0}" -ge "$3" ]; } 2>/dev/null
}

go_fix="install Go 1.26 or later (Debian 12's own is older): unpack the archive from go.dev/dl to /usr/local and add /usr/local/go/bin to PATH"
if ! have go; then
    need "go" "$go_fix"
elif version=$(go env GOVERSION 2>&1); ! at_least "${version##*go}" 1 26; then
    need "go 1.26 or later ($(command -v go) says: $version)" "$go_fix"
fi

if have "$python"; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>&1)
    if ! at_least "$version" 3 11 || at_least "$version" 3 15; then
        need "Python 3.11 to 3.14 ($python is $version)" "install one and run: make deps PYTHON=python3.11"
    fi
elif ! have apt-get || [ "$python" != python3 ]; then
    need "$python" "install Python 3.11 to 3.14 with its venv module"
fi

if ! have apt-get; then
    { have cc || have gcc || have clang; } || need "a C compiler" "install gcc with your system's package manager"
    { have c++ || have g++ || have clang++; } || need "a C++ compiler" "install g++ with your system's package manager"
fi
exit $missing
