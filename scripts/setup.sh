# Sourced by the other scripts: finds a Python and makes the checkout's own environment in .venv.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# python_of 3.13: the path of that Python, from PATH or pyenv; fails if there is none.
python_of() {
    local candidate
    for candidate in "python$1" python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python3; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

any_python() {
    local version
    for version in 3.11 3.12 3.13 3.14; do
        python_of "$version" && return
    done
    echo "fanin needs Python 3.11 or newer, and none is on PATH; install one (python3.11, python3.11-venv)" >&2
    return 1
}

# environment DIR PYTHON WHAT: DIR holds a virtual environment with this checkout installed as WHAT, or more.
environment() {
    local common wanted installed
    common=$(cd "$root" && cat pyproject.toml && "$2" --version)
    wanted="$common"$'\n'"$3"
    installed=$(cat "$1/.installed" 2>/dev/null) || true
    if [ "$installed" != "${wanted%$'\n'}" ] && [ "$installed" != "$common"$'\n'"[dev]" ]; then
        echo "setting up $1 with $("$2" --version)" >&2
        "$2" -m venv --clear "$1"
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root$3"
        printf '%s\n' "$wanted" >"$1/.installed"
    fi
}
