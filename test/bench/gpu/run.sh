#!/bin/sh
# Runs this bundle on the first GPU of the machine and writes report.json. It needs an NVIDIA driver and nothing else.
# LUTHIER_CUDA_DRIVER names another library of the driver, such as the emulated one.
cd "$(dirname "$0")" || exit 2
LUTHIER_CUDA_KERNELS="$PWD/kernels.ptx"
export LUTHIER_CUDA_KERNELS
rm -rf reports report.json && mkdir reports || exit 2

end=$(($(date +%s) + 530))
# part NAME SECONDS OPTION...: a process of its own, because a failed kernel ends the context of its process. All parts together
# take less than nine minutes.
part() {
  name=$1 limit=$2 left=$((end - $(date +%s)))
  shift 2
  [ "$left" -lt "$limit" ] && limit=$((left > 1 ? left : 1))
  timeout "$limit" ./luthier-exec --backend cuda --report "reports/$name.json" "$@" >"reports/$name.txt" 2>&1
  status=$?
  printf '"%s": %d\n' "$name" "$status" >>reports/statuses
  case $status in
    0) printf 'ok      %s\n' "$name" ;;
    124) printf 'timeout %s (%s s)\n' "$name" "$limit" ;;
    *) printf 'FAILED  %s (status %s)\n' "$name" "$status" && grep -m 3 -e FAIL -e luthier-exec: "reports/$name.txt" ;;
  esac
}

# The first process also waits for the driver to compile the kernels, which the driver then keeps.
for op in cases/*/; do part "cases.$(basename "$op")" 120 --poison --against reference64 "$op"*.case; done
for file in sweep/*.case; do [ -e "$file" ] && part "sweep.$(basename "$file" .case)" 30 "$file"; done
while read -r name limit; do part "training.$name" "$limit" "training/$name.case"; done <training/limits

{
  printf '{"statuses": {%s},\n "parts": {' "$(paste -sd, reports/statuses)"
  separator=
  for report in reports/*.json; do
    printf '%s\n"%s": ' "$separator" "$(basename "$report" .json)"
    cat "$report"
    separator=,
  done
  printf '}}\n'
} >report.json
printf 'the results are in %s/report.json\n' "$PWD"
! grep -qv ': 0$' reports/statuses
