import { Page } from "../parts/page";
import { texts } from "../texts";

export function Job() {
  return <Page title={texts.jobs}>{null}</Page>;
}
