# shellcheck shell=bash
# The images of Dockerfile.test, as tyger-local/<target>. An image carries a hash of what it is
# made of, and is built again only when that changed.

DOCKERFILE=$ROOT/Dockerfile.test
MRI_REQUIREMENTS=$ROOT/examples/mri/requirements.txt
MRI_PROGRAMS=("$ROOT"/examples/*/*.py)
HASH_LABEL=tyger-local.content
PULLED_BASE=debian:bookworm-slim
BOOTSTRAPPED_BASE=tyger-local/debian:bookworm
DEBIAN_MIRROR=${TYGER_LOCAL_DEBIAN_MIRROR:-} # empty: debootstrap knows one

# ensure_images TARGET...
ensure_images() {
  local target missing=()
  for target in "$@"; do
    if ! image_is_current "$target"; then missing+=("$target"); fi
  done
  if [ "${#missing[@]}" -gt 0 ]; then locked images build_images "${missing[@]}"; fi
}

image_is_current() {
  local have
  have=$(docker image inspect --format "{{index .Config.Labels \"$HASH_LABEL\"}}" "tyger-local/$1" 2>/dev/null) || return 1
  [ "$have" = "$(image_hash "$1")" ]
}

# image_hash TARGET: who edits an example's program waits for no other image than its own.
image_hash() {
  case $1 in
    mri) content_hash "$DOCKERFILE" "$MRI_REQUIREMENTS" "${MRI_PROGRAMS[@]}" ;;
    *) content_hash "$DOCKERFILE" ;;
  esac
}

build_images() {
  local base context=$CACHE/image-context target
  base=$(base_image)
  fetch_mri_packages "$context"
  copy_mri_programs "$context/programs"
  # Without buildx the client only warns that its own builder is old: choose it and be quiet.
  if ! docker buildx version >/dev/null 2>&1; then export DOCKER_BUILDKIT="${DOCKER_BUILDKIT:-0}"; fi
  for target in "$@"; do
    if image_is_current "$target"; then continue; fi
    say "Building the image tyger-local/$target"
    quietly "build-$target" docker build --network host --file "$DOCKERFILE" --target "$target" \
      --build-arg "BASE_IMAGE=$base" --build-arg http_proxy --build-arg https_proxy --build-arg no_proxy \
      --label "$HASH_LABEL=$(image_hash "$target")" --tag "tyger-local/$target" "$context"
  done
}

# base_image: prints the name of a Debian 12 image that this engine has, after getting one.
base_image() {
  local image
  for image in ${TYGER_LOCAL_BASE_IMAGE:-} "$PULLED_BASE" "$BOOTSTRAPPED_BASE"; do
    if docker image inspect "$image" >/dev/null 2>&1; then
      echo "$image"
      return
    fi
  done
  say "Pulling $PULLED_BASE"
  if bounded 60 docker pull --quiet "$PULLED_BASE" >"$CACHE/logs/pull.log" 2>&1 </dev/null; then
    echo "$PULLED_BASE"
    return
  fi
  say "No registry answers: building the base image from Debian packages (about half a minute)"
  bootstrap_base
  echo "$BOOTSTRAPPED_BASE"
}

bootstrap_base() {
  if ! on_debian || ! can_be_root; then
    die "The base image cannot be made: no registry answers ($(tail -n 1 "$CACHE/logs/pull.log"))," \
      "and building it from packages needs Debian or Ubuntu and root." \
      "Elsewhere: docker pull $PULLED_BASE && docker save $PULLED_BASE > base.tar" \
      "Here:      docker load < base.tar, and run this script once more." \
      "Any other image of Debian 12 will do: TYGER_LOCAL_BASE_IMAGE=<image> $0"
  fi
  if ! command -v debootstrap >/dev/null; then apt_install debootstrap debian-archive-keyring; fi
  local tree
  tree=$(mktemp -d "$CACHE/debootstrap.XXXXXX")
  # shellcheck disable=SC2064 # the name is wanted as it is now
  trap "as_root rm -rf --one-file-system '$tree'" EXIT
  quietly debootstrap as_root debootstrap --variant=minbase bookworm "$tree" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
  # A broken archive makes docker import an incomplete image without a word, so it goes with it.
  if ! as_root tar --create --directory "$tree" --exclude './dev/*' --exclude './var/cache/apt/*.bin' \
    --exclude './var/cache/apt/archives/*.deb' --exclude './var/lib/apt/lists/*_*' \
    --exclude './usr/share/doc/*' --exclude './usr/share/locale/*' --exclude './usr/share/man/*' . |
    docker import --change 'CMD ["bash"]' - "$BOOTSTRAPPED_BASE" >"$CACHE/logs/import.log" 2>&1; then
    docker image rm --force "$BOOTSTRAPPED_BASE" >/dev/null 2>&1 || true
    die "The base image could not be imported: $(tail -n 1 "$CACHE/logs/import.log")."
  fi
}

# The image has Debian 12's Python 3.11 and neither pip nor, perhaps, a network: its packages are
# fetched and unpacked here, for that Python and the engine's processor, whatever the host has.
fetch_mri_packages() {
  local site=$1/site machine stamp platform platforms=()
  machine=$(docker version --format '{{.Server.Arch}}' | sed 's/amd64/x86_64/; s/arm64/aarch64/')
  stamp="$(content_hash "$MRI_REQUIREMENTS") $machine"
  if [ "$(cat "$1/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  say "Fetching the Python packages of the MRI example"
  rm -rf "$1"
  mkdir -p "$1"
  for platform in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28 manylinux_2_34; do
    platforms+=(--platform "${platform}_$machine")
  done
  quietly mri-packages "$VENV/bin/python" -m pip install --disable-pip-version-check --no-compile \
    --target "$site" --python-version 3.11 --implementation cp --only-binary :all: \
    "${platforms[@]}" --requirement "$MRI_REQUIREMENTS"
  rm -rf "${site:?}/bin"
  printf '%s\n' "$stamp" >"$1/stamp"
}

# copy_mri_programs FOLDER: makes it hold the examples' programs, and nothing else.
copy_mri_programs() {
  local program copy
  rm -rf "$1"
  for program in "${MRI_PROGRAMS[@]}"; do
    copy=$1/${program#"$ROOT/examples/"}
    mkdir -p "$(dirname "$copy")"
    cp "$program" "$copy"
  done
}
