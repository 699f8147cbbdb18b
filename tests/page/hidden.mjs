// For the tests of both pages: whether the attribute `hidden` wins over the style.

// The elements that are laid out although they are marked as hidden, one after the other.
export const shownThoughHidden = (page) =>
  page.evaluate(() => {
    const seen = (element) => {
      const before = element.hasAttribute("hidden");
      element.setAttribute("hidden", "");
      const { display } = getComputedStyle(element);
      element.toggleAttribute("hidden", before);
      return display !== "none";
    };
    return [...document.querySelectorAll("body *")]
      .filter(seen)
      .map((element) => element.outerHTML);
  });
