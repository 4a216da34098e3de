# shellcheck shell=bash
# The environment in .venv: made once, and again only when pyproject.toml (or the place) changed.

PYTHON_IS_NEW_ENOUGH='import ensurepip, sys; sys.exit(sys.version_info < (3, 10))'

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
    if "$candidate" -c "$PYTHON_IS_NEW_ENOUGH" >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

make_venv() {
  local python
  if ! python=$(find_python); then
    if on_debian && can_be_root; then apt_install python3 python3-venv; fi
    python=$(find_python) || die "No Python 3.10 or newer with its venv module was found." \
      "Install one (on Debian and Ubuntu: python3 and python3-venv), or name one: PYTHON=/path/to/python3 $0"
  fi
  say "Making the environment $VENV with $("$python" --version)"
  quietly venv "$python" -m venv --clear "$VENV"
}

# install_project run|dev: the environment for using the tool, or for working on it as well.
install_project() {
  local kind=$1 spec=$ROOT stamp
  stamp="$(content_hash "$ROOT/pyproject.toml") $ROOT"
  if stamped "$kind" "$stamp" || { [ "$kind" = run ] && stamped dev "$stamp"; }; then return; fi
  if ! "$VENV/bin/python" -c '' 2>/dev/null; then make_venv; fi
  if [ "$kind" = dev ]; then spec="${ROOT}[dev]"; fi
  say "Installing tyger-local into $VENV"
  rm -f "$VENV"/stamp-*
  quietly pip "$VENV/bin/python" -m pip install --disable-pip-version-check -e "$spec"
  printf '%s\n' "$stamp" >"$VENV/stamp-$kind"
}

stamped() {
  [ -x "$VENV/bin/python" ] && [ "$(cat "$VENV/stamp-$1" 2>/dev/null)" = "$2" ]
}

ensure_venv() { locked environment install_project "$1"; }

# ensure_measured: what users have, in an environment of its own. The one for development finds the project by
# way of a program that runs whenever Python starts, and takes twice as long as Python itself.
MEASURED=$CACHE/measured
ensure_measured() { locked measured install_measured; }
install_measured() {
  if [ ! -x "$MEASURED/bin/python" ]; then quietly venv "$VENV/bin/python" -m venv --clear "$MEASURED"; fi
  say "Installing tyger-local into $MEASURED, as users have it"
  quietly pip "$MEASURED/bin/python" -m pip install --disable-pip-version-check "$ROOT"
}
