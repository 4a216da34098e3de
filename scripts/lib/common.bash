# shellcheck shell=bash
# What every script here needs: where the project is, how to speak to a person, how to become root.
# Sourced, never run. Kept to what bash 3.2 (macOS) understands.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=$ROOT/.cache
# shellcheck disable=SC2034 # for those who source this
VENV=$ROOT/.venv
mkdir -p "$CACHE/logs"

# dockerd and debootstrap live where Debian's ordinary users do not look.
PATH=$PATH:/usr/sbin:/sbin

# Without .pyc files every start of the tool is about half a second slower.
unset PYTHONDONTWRITEBYTECODE

say() { printf '==> %s\n' "$*" >&2; }

# die MESSAGE [NEXT-STEP...]: each further argument is a line of its own.
die() {
  printf 'Error: %s\n' "$1" >&2
  shift
  if [ $# -gt 0 ]; then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# quietly NAME COMMAND...: keep what the command prints in a log, and show its end only on failure.
# For single commands: `set -e` does not reach into a function that is called this way.
quietly() {
  local log=$CACHE/logs/$1.log
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    die "'$*' failed." "The whole log is in $log"
  fi
}

# bounded SECONDS COMMAND...: macOS has no timeout(1), and waits there as long as it takes.
bounded() {
  local seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}

# locked NAME COMMAND...: one at a time among the scripts of this project. What the command leaves
# running must not inherit the lock, hence the 9>&-.
locked() {
  local name=$1
  shift
  if ! command -v flock >/dev/null; then
    "$@"
    return
  fi
  (
    flock -n 9 || {
      say "Another script is busy with the $name; waiting for it"
      flock 9
    }
    "$@" 9>&-
  ) 9>"$CACHE/$name.lock"
}

content_hash() {
  if command -v sha256sum >/dev/null; then
    cat "$@" | sha256sum | cut -c 1-16
  else
    cat "$@" | shasum -a 256 | cut -c 1-16
  fi
}

can_be_root() { [ "$EUID" -eq 0 ] || sudo -n true 2>/dev/null; }

as_root() {
  if [ "$EUID" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

on_debian() {
  [ -r /etc/os-release ] && command -v apt-get >/dev/null || return 1
  # shellcheck source=/dev/null
  case " $(. /etc/os-release && echo "$ID ${ID_LIKE-}") " in
    *" debian "* | *" ubuntu "*) return 0 ;;
    *) return 1 ;;
  esac
}

apt_install() {
  say "Installing Debian packages: $*"
  quietly apt-update as_root apt-get update -qq
  quietly apt-install as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get install -y -qq -o DPkg::Lock::Timeout=120 "$@"
}
