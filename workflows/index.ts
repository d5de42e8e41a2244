// Everything exported here is a workflow, under the name that people see in the Temporal UI.
export { bakeAmi as BakeAmi } from './bake-ami.ts';
