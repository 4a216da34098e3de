version 1.0

task copy {
  input { File source }
  command { cat "~{source}" > target }
  output { File target = "target" }
  runtime { docker: "tyger-local/base" }
}
