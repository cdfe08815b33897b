/** The colours of all drawings in a report, for light and dark. */
export interface Theme {
  text: string;
  line: string;
  colors: string[];
}

export const THEMES: Readonly<Record<'light' | 'dark', Theme>> = {
  light: {
    text: '#333333',
    line: '#dddddd',
    colors: [
      '#2f6fb2',
      '#d9822b',
      '#3f8f5a',
      '#8a5fb0',
      '#b2454b',
      '#5f7f8f',
      '#a08a2f',
      '#777777',
    ],
  },
  dark: {
    text: '#dddddd',
    line: '#444444',
    colors: [
      '#6aa5e3',
      '#eda55b',
      '#74c08d',
      '#b994da',
      '#e3868b',
      '#93b3c2',
      '#d1bd66',
      '#aaaaaa',
    ],
  },
};
