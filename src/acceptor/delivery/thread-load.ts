/** How busy this thread is: the share of time that its event loop did not wait. */

/** Gives what the thread's load was since it was called last, 0 to 1. */
export function threadLoad(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const { utilization } = performance.eventLoopUtilization(last);
    last = performance.eventLoopUtilization();
    return utilization;
  };
}
