import { defineAction } from "../action.ts";

const regionNames = ["eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2"];

const describeRegions = defineAction({
  service: "ec2",
  name: "DescribeRegions",
  fields: {},
  target: () => ({ arn: "*" }),
  run: () => ({
    regionInfo: regionNames.map((regionName) => ({
      regionName,
      regionEndpoint: `ec2.${regionName}.amazonaws.com`,
      optInStatus: "opt-in-not-required",
    })),
  }),
});

/** The one action of EC2: a call by which a key with permissions outside IAM shows that it works. */
export const regionActions = [describeRegions];
