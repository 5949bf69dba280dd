// Sorts a table by the column whose head is clicked.  The page is complete without.
for (const table of document.querySelectorAll("table.sortable")) {
	const body = table.tBodies[0];
	const value = (row, i) => {
		const cell = row.cells[i];
		if (cell.dataset.v !== undefined)
			return Number(cell.dataset.v);
		return cell.classList.contains("n") ? NaN : cell.textContent;
	};
	const words = new Intl.Collator("en", { numeric: true });
	const order = (a, b) => typeof a === "number" ? a - b : words.compare(a, b);

	[...table.tHead.rows[0].cells].forEach((head, i) => {
		const button = document.createElement("button");

		button.type = "button";
		button.append(...head.childNodes);
		head.append(button);
		button.addEventListener("click", () => {
			const down = head.getAttribute("aria-sort") === "ascending";
			// What has no value stays below, whichever way.
			const rows = [...body.rows].sort((a, b) => {
				const [x, y] = [value(a, i), value(b, i)];
				const missing = Number.isNaN(x) - Number.isNaN(y);

				return missing || (down ? order(y, x) : order(x, y)) || 0;
			});

			for (const other of table.tHead.rows[0].cells)
				other.removeAttribute("aria-sort");
			head.setAttribute("aria-sort", down ? "descending" : "ascending");
			body.append(...rows);
		});
	});
}
