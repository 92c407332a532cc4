import { Page } from "../parts/page";
import { texts } from "../texts";

export function Jobs() {
  return <Page title={texts.jobs}>{null}</Page>;
}
