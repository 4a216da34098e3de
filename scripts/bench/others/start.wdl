version 1.0

task start {
  command { true }
  output {}
  runtime { docker: "tyger-local/busybox" }
}
