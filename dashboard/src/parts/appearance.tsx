import { useState } from "react";
import { texts } from "../texts";
import { applyTheme, chosenTheme } from "../theme";
import type { Theme } from "../theme";
import { SelectField } from "./field";

/** Light or dark, kept in this browser. */
export function Appearance() {
  const [theme, setTheme] = useState<Theme>(chosenTheme);

  return (
    <SelectField
      label={texts.theme}
      value={theme}
      options={texts.themes}
      onChange={(value) => {
        applyTheme(value as Theme);
        setTheme(value as Theme);
      }}
    />
  );
}
