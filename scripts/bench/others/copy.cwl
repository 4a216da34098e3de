cwlVersion: v1.2
class: CommandLineTool
hints:
  DockerRequirement: { dockerPull: tyger-local/base }
baseCommand: [sh, -c, 'cat "$0" > target']
inputs:
  source: { type: File, inputBinding: {} }
outputs:
  target: { type: File, outputBinding: { glob: target } }
