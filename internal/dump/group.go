package dump

import "sort"

func sortMembers(list []Member) {
	sort.SliceStable(list, func(i, j int) bool { return list[i].ID < list[j].ID })
}

// sortGroups puts first who has waited longest, of those alike the larger group.
func sortGroups(groups []Goroutines) {
	waited := func(g Goroutines) (most int64) {
		for _, m := range g.Members {
			if m.Waited > most {
				most = m.Waited
			}
		}
		return most
	}
	sort.SliceStable(groups, func(i, j int) bool {
		a, b := waited(groups[i]), waited(groups[j])
		if a != b {
			return a > b
		}
		return len(groups[i].Members) > len(groups[j].Members)
	})
}
