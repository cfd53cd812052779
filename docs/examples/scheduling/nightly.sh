#!/bin/sh
# One run for cron: silent where nobody has to do anything, since cron mails what is printed.
#
#   nightly.sh LOG [OPTION OF RUN ...]
#
# Ends with 0 for the exit codes 0 and 3 of the run, else with the run's own.
set -u
log=$1
shift

"${BEAMSCRIBE:-/opt/beamscribe/bin/beamscribe}" run --config scheduled "$@" >>"$log" 2>&1
code=$?
case $code in
0) ;;
3) echo "Finished; some recordings failed: they are in the table failures." >>"$log" ;;
2) echo "Not started: wrong usage or configuration, or another run is still at work. See the end of $log" ;;
4) echo "Stopped before the end; what was paid for is kept, the next run continues. See the end of $log" ;;
*) echo "Ended unforeseen, with exit code $code. See the end of $log" ;;
esac
[ "$code" -eq 3 ] || exit "$code"
