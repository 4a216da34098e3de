"""What ``tyger-local completion SHELL`` prints: functions that ask ``tyger-local __complete`` at every TAB.

The shell hands over the line up to the cursor, and is told a candidate a line: its kind, its value and what
it is, with tabs between them. Not click's own scripts: they hand over words that bash has cut at every ``=``,
and in bash they sort what comes newest first and drop what it is.
"""

from __future__ import annotations

BASH = r"""# tyger-local: completion for bash. Turn it on with: source <(tyger-local completion bash)

_tyger_local() {
    local line=${COMP_LINE:0:COMP_POINT} kind value about width=0 has_files= is_open=
    local -a values=() abouts=()
    COMPREPLY=()
    while IFS=$'\t' read -r kind value about; do
        values+=("$value")
        abouts+=("$about")
        ((${#value} > width)) && width=${#value}
        [[ $kind == file ]] && has_files=1
        [[ $kind == open ]] && is_open=1
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete --shell=bash --breaks="$COMP_WORDBREAKS" \
        -- "$line" 2>/dev/null)
    # Newest first stays so; what is a file gets its quotes and slashes from bash.
    compopt -o nosort 2>/dev/null
    [[ -n $has_files ]] && compopt -o filenames 2>/dev/null
    [[ -n $is_open ]] && compopt -o nospace 2>/dev/null
    # What a candidate is stands beside it only where a list is shown and nothing of it is inserted.
    if ((${#values[@]} < 2)) || [[ -n $has_files || $COMP_TYPE == 37 || $COMP_TYPE == 42 ]]; then
        COMPREPLY=("${values[@]}")
        return
    fi
    local i text
    for i in "${!values[@]}"; do
        text=${values[i]}
        [[ -n ${abouts[i]} ]] && printf -v text "%-${width}s  (%s)" "$text" "${abouts[i]}"
        COMPREPLY+=("${text:0:${COLUMNS:-80}}")
    done
}

complete -F _tyger_local tyger-local
"""

ZSH = r"""#compdef tyger-local
# tyger-local: completion for zsh. Turn it on with: source <(tyger-local completion zsh)

_tyger_local() {
    local line="${(j: :)words[1,CURRENT-1]} $IPREFIX$PREFIX" kind value about before= has_files= width=0 i
    local -a values abouts shown as_is
    while IFS=$'\t' read -r kind value about; do
        case $kind in
            file) before=$value has_files=1 ;;
            *) values+=("$value") abouts+=("$about") ;;
        esac
        [[ $kind == open ]] && as_is=(-S '')
        ((${#value} > width)) && width=${#value}
    done < <(${~${(Q)words[1]}} __complete --shell=zsh -- "$line" 2>/dev/null)
    for ((i = 1; i <= $#values; i++)); do
        shown+=("${(r:width:)values[i]}${abouts[i]:+  -- $abouts[i]}")
    done
    # Not _describe, which sorts, and puts all that are described alike into one line: newest first stays so.
    [[ -n ${abouts[1]} ]] && as_is+=(-l)
    (($#values)) && compadd -V tyger-local "${as_is[@]}" -d shown -a values
    if [[ -n $has_files ]]; then
        [[ -n $before ]] && compset -P "${(b)before}"
        _files
    fi
    return 0
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _tyger_local "$@"
else
    (($+functions[compdef])) || { autoload -Uz compinit && compinit }
    compdef _tyger_local tyger-local
fi
"""

FISH = r"""# tyger-local: completion for fish. Turn it on with: tyger-local completion fish | source

function __tyger_local_complete
    set -l line (commandline --current-process --cut-at-cursor | string collect)
    for row in (command tyger-local __complete --shell=fish -- "$line" 2>/dev/null)
        set -l parts (string split --max 2 \t -- $row)
        printf '%s\t%s\n' $parts[2] "$parts[3]"
    end
end

complete --command tyger-local --no-files --keep-order --arguments '(__tyger_local_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
