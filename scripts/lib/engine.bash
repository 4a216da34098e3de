# shellcheck shell=bash
# Sees to a Docker engine that answers. One that the user chose (DOCKER_HOST, docker context) is
# never replaced by one of ours: if it does not answer, that is said and nothing is started.

ENGINE_WAIT_S=60
DOCKERD_LOG=/var/log/dockerd.log

engine_answers() {
  bounded 15 docker version --format '{{.Server.Version}}' >/dev/null 2>"$CACHE/logs/engine.log"
}

ensure_engine() {
  if engine_answers; then return; fi
  if grep -qi 'permission denied' "$CACHE/logs/engine.log"; then refused_by_engine; fi
  local endpoint
  endpoint=$(engine_endpoint)
  case $endpoint in
    unix:///var/run/docker.sock | unix:///run/docker.sock) ;;
    *) die "The Docker engine at $endpoint does not answer." \
      "$(tail -n 1 "$CACHE/logs/engine.log")" \
      "DOCKER_HOST or the docker context chose it: start it, or choose another (docker context use default)." ;;
  esac
  locked engine start_engine
}

# With DOCKER_HOST set, the context is 'default' and its endpoint is DOCKER_HOST's value.
engine_endpoint() {
  if ! command -v docker >/dev/null; then
    echo "${DOCKER_HOST:-unix:///var/run/docker.sock}"
  else
    docker context inspect --format '{{.Endpoints.docker.Host}}' ||
      die "docker's context cannot be read." "See: docker context ls"
  fi
}

refused_by_engine() {
  die "A Docker engine runs here, but you may not use it." \
    "Join its group: sudo usermod -aG docker $(id -un)" \
    "then log in again (or: newgrp docker) and run this script once more."
}

start_engine() {
  if engine_answers; then return; fi # another script started it while we waited
  [ "$(uname -s)" = Linux ] || die "No Docker engine answers." \
    "Start Docker Desktop (or: colima start) and run this script once more."
  if ! command -v dockerd >/dev/null; then install_engine; fi
  if ! command -v docker >/dev/null; then apt_install docker-cli; fi # a package of its own since Debian 13
  if engine_answers; then return; fi # the package started it
  can_be_root || die "The Docker engine is installed but not running, and starting it needs root." \
    "Start it: sudo systemctl start docker" "and run this script once more."
  launch_engine
}

install_engine() {
  if ! on_debian; then
    die "No Docker engine was found." \
      "Install one (https://docs.docker.com/engine/install/), start it, and run this script once more."
  fi
  can_be_root || die "No Docker engine was found, and installing one needs root." \
    "Install it: sudo apt-get install docker.io" "and run this script once more."
  say "No Docker engine here: installing Debian's docker.io"
  apt_install docker.io
}

launch_engine() {
  local pid=
  if [ -d /run/systemd/system ]; then
    say "Starting the Docker engine (systemctl start docker)"
    quietly systemctl as_root systemctl start docker
  else
    say "Starting the Docker engine: dockerd in the background, log in $DOCKERD_LOG"
    pid=$(as_root bash -c "$DETACHED_DOCKERD" bash "$DOCKERD_LOG")
  fi
  await_engine "$pid"
  say "The Docker engine answers"
}

# dockerd has to outlive this script: a session of its own, and none of our descriptors (one pipe
# kept open is enough to make whoever reads it wait for ever).
# shellcheck disable=SC2016
DETACHED_DOCKERD='
  for fd in /proc/$$/fd/*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ]; then eval "exec $fd>&-"; fi
  done
  cd /
  setsid dockerd </dev/null >>"$1" 2>&1 &
  echo $!'

# await_engine [PID]: bounded; a daemon that dies early is not waited for to the end. A few seconds
# are left all the same: it also dies because another one is just starting.
await_engine() {
  local deadline=$((SECONDS + ENGINE_WAIT_S)) pid=$1
  while ! engine_answers; do
    if grep -qi 'permission denied' "$CACHE/logs/engine.log"; then refused_by_engine; fi
    if [ -n "$pid" ] && [ ! -d "/proc/$pid" ]; then
      pid=
      deadline=$((SECONDS + 5))
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      [ -r "$DOCKERD_LOG" ] && tail -n 15 "$DOCKERD_LOG" >&2
      die "The Docker engine was started but does not answer." \
        "See $DOCKERD_LOG (or: journalctl -u docker), and start it by hand."
    fi
    sleep 0.5
  done
}
