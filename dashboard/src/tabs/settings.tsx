import { Page } from "../parts/page";
import { texts } from "../texts";

export function Settings() {
  return <Page title={texts.settings}>{null}</Page>;
}
