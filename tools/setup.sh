#!/usr/bin/env bash
# Prepare this checkout for `make`: a virtual environment in .venv with the pinned requirements.
#
#   tools/setup.sh run     what the playbooks and the lab need
#   tools/setup.sh test    that, and the tools of `make test`
#
# PYTHON=<interpreter> chooses the Python (3.11 or newer) which makes .venv. Nothing is installed outside the checkout
# except Debian packages which are missing; HOMEOPS_LAB_BGP=off leaves out those of the lab's BGP network. A stamp holds
# the hash of everything that decides the outcome, so that a second call costs a few milliseconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-run}" in
run) wanted=(run) ;;
test) wanted=(run test) ;;
*)
    echo "usage: tools/setup.sh run|test" >&2
    exit 2
    ;;
esac

requirements_of() {
    case "$1" in
    run) echo requirements.txt requirements-lab.txt ;;
    test) echo requirements-test.txt ;;
    esac
}

fingerprint() {
    # The path belongs to it: a virtual environment does not survive being moved.
    # shellcheck disable=SC2046
    { echo "$PWD"; cat $(requirements_of "$1") constraints.txt tools/setup.sh; } | sha256sum
}

# A virtual environment is kept for whoever names no Python, or the one that made it.
asked_for() { [ -z "${PYTHON:-}" ] || [ "$PYTHON" = "$(cat .venv/.made-by 2>/dev/null)" ]; }

ready() { [ -x .venv/bin/python ] && asked_for && [ "$(cat ".venv/.ready-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

pending() {
    local part
    for part in "${wanted[@]}"; do ready "$part" || echo "$part"; done
}

say() { printf '  setup · %s\n' "$*"; }

stop() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# optional <what they are> <what goes without them> <package ...>: install Debian packages which something can do without,
# or say once how that is done by hand.
optional() {
    local purpose="$1" without="$2" root=() log=.cache/apt.log
    shift 2
    local advice="$without until 'apt-get install $*' has been done by hand" refused=".cache/refused-$1"
    # Asked once: who cannot install them need not wait for it at every start.
    [ "$(cat "$refused" 2>/dev/null)" != "$*" ] || return 0
    mkdir -p .cache
    if ! command -v apt-get >/dev/null; then
        say "$advice (this is no Debian)"
    elif [ "$(id -u)" -ne 0 ] && ! { root=(sudo -n) && command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; then
        say "$advice (this user is not root and sudo is refused)"
    else
        say "Debian packages $* ($purpose)"
        # Their services stay off: nothing of the machine's own network is touched.
        "${root[@]}" sh -c '
            policy=/usr/sbin/policy-rc.d
            if [ ! -e "$policy" ]; then
                trap "rm -f $policy" EXIT
                printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
            fi
            export DEBIAN_FRONTEND=noninteractive
            apt-get -qq -y --no-install-recommends install "$@" || {
                apt-get -qq update && apt-get -qq -y --no-install-recommends install "$@"
            } || exit 1
            if [ -d /run/systemd/system ]; then systemctl disable --quiet "$@" 2>/dev/null || true; fi
        ' sh "$@" >"$log" 2>&1 </dev/null && return
        say "$advice (apt-get failed: $(tail -n 1 "$log"))"
    fi
    echo "$*" >"$refused"
}

# The lab runs the router's and the nodes' own BGP daemons, and goes without where they cannot be had.
bgp_daemons() {
    [ "${HOMEOPS_LAB_BGP:-}" = off ] && return
    local missing=()
    [ -x /usr/lib/frr/bgpd ] || missing+=(frr)
    PATH="$PATH:/usr/sbin:/usr/bin" command -v gobgpd >/dev/null || missing+=(gobgpd)
    [ ${#missing[@]} -eq 0 ] || optional "the BGP daemons of the lab" "the lab will run without BGP" "${missing[@]}"
}

# Tests look at the status page as a person does.
browser() {
    command -v chromium >/dev/null ||
        optional "a browser for the tests of the status page" "those tests will be skipped" chromium
}

# debian_package <package> <what it is for>: install it, or say in one sentence which package to install.
debian_package() {
    local package="$1" purpose="$2" root=() log=.cache/apt.log
    local advice="the Debian package $package ($purpose) is missing: install it with 'apt-get install $package' and run the command again"
    command -v apt-get >/dev/null || stop "$advice."
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || stop "$advice (this user is not root and there is no sudo)."
        root=(sudo)
        [ -t 0 ] || root=(sudo -n)
        "${root[@]}" true 2>/dev/null || stop "$advice (sudo is refused to this user)."
    fi
    say "Debian package $package ($purpose)"
    local install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$package")
    "${install[@]}" >"$log" 2>&1 </dev/null && return
    "${root[@]}" apt-get -qq update >>"$log" 2>&1 </dev/null || true
    "${install[@]}" >>"$log" 2>&1 </dev/null || stop "$advice (apt-get failed: $(tail -n 1 "$log"))."
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Starting it is the only honest question: a version manager's shim may exist for a version which is not there.
find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || stop "PYTHON=$PYTHON is not a Python 3.11 or newer."
        echo "$PYTHON"
        return
    fi
    for candidate in python3.11 python3.12 python3.13 python3 /usr/bin/python3; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

make_venv() {
    local python version
    if [ -x .venv/bin/python ] && asked_for && new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then
        return
    fi
    python="$(find_python)" || exit 1
    if [ -z "$python" ]; then
        debian_package python3-venv "Python 3.11 or newer"
        python="$(find_python)"
        [ -n "$python" ] || stop "no Python 3.11 or newer was found: install one and name it with PYTHON=<path>."
    fi
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        debian_package "python$version-venv" "virtual environments of Python $version"
    fi
    say "virtual environment .venv ($("$python" -V 2>&1))"
    rm -rf .venv
    "$python" -m venv .venv
    echo "$python" >.venv/.made-by
}

install() {
    local part="$1" arguments=() file
    for file in $(requirements_of "$part"); do arguments+=(-r "$file"); done
    say "pip install ${arguments[*]} (pinned by constraints.txt)"
    .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input install -c constraints.txt "${arguments[@]}"
    if [ "$part" = test ]; then
        # ansible-test bootstraps its environments with this very pip; see tools/sanity.py.
        .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input download --no-deps --dest .cache/wheels pip==24.2
    fi
    fingerprint "$part" >".venv/.ready-$part"
}

bgp_daemons
[ "${wanted[-1]}" != test ] || browser
[ -n "$(pending)" ] || exit 0

mkdir -p .cache
exec 9>.cache/setup.lock
flock 9 # two `make` at once: the second waits and then finds everything done

began=$SECONDS
make_venv
if [ "${wanted[-1]}" = test ] && ! command -v git >/dev/null; then
    debian_package git "the tests ask it which files belong to the project"
fi
for part in $(pending); do install "$part"; done
say "ready ($((SECONDS - began)) s)"
