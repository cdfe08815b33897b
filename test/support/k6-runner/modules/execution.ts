/** k6/execution: which iteration this is. */
import { context } from './context.js';

export default {
  get scenario() {
    return context.scenario;
  },
  get vu() {
    return { idInTest: context.vu };
  },
};
