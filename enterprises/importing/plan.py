"""What a filled-in book would do to the enterprise file: resolved in memory, then written.

``FilePlan`` loads what stands in a dozen queries whatever the number of rows, compares it row by
row, and collects problems. ``write`` is for a plan without problems, inside the caller's
transaction; ends of dated records are written before the records that follow them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from enterprises.importing.forms import Record
from enterprises.importing.nodes import (
    BATCH,
    PAIRING_NAMES,
    Context,
    EnterpriseNode,
    FacilityNode,
    LineNode,
    Node,
    PairingState,
    Progress,
    SiteNode,
    count_unsaved,
    create_all,
    save_nodes,
    update_all,
)
from enterprises.models import (
    Contact,
    ContactKind,
    Enterprise,
    Facility,
    FacilityKind,
    LineGrade,
    Pairing,
    ProductionLine,
    Site,
    Threshold,
    ThresholdSource,
)
from enterprises.operations import join_company
from enterprises.pinyin import to_pinyin
from tenancy.models import Division, DivisionKind

DEFAULT_SITE = "主厂区"


class FilePlan:
    """The sheets of the enterprise file. Call ``resolve`` once, then look or ``write``."""

    def __init__(
        self,
        context: Context,
        records: dict[str, list[Record]],
        *,
        references: Iterable[str] = (),
    ) -> None:
        """``references``: codes of further enterprises that other sheets name."""
        self.context = context
        self.report = context.report
        self.records = records
        self.nodes: list[EnterpriseNode] = []
        self._by_credit_code: dict[str, EnterpriseNode] = {}
        self._by_code: dict[str, EnterpriseNode] = {}
        self._further = set(references)
        self._contacts: list[Node] = []
        self._grades: list[LineGrade] = []
        self._thresholds: list[Threshold] = []
        self._pairings: list[tuple[Pairing, dict[str, Any]]] = []
        self._ended_pairings: list[Pairing] = []

    # --- resolving ---

    def resolve(self, progress: Progress = lambda rows: None) -> None:
        """Compare every row with what stands. Ten queries, whatever the number of rows."""
        self._load()
        for key, take in (
            ("enterprises", self._take_enterprise),
            ("sites", self._take_site),
            ("lines", self._take_line),
            ("facilities", self._take_facility),
        ):
            for count, record in enumerate(self.records[key], start=1):
                take(record)
                if count % BATCH == 0:
                    progress(BATCH)
        self._take_pairings(self.records["pairings"])

    def _references(self) -> set[str]:
        references = set(self._further)
        for record in self.records["enterprises"]:
            references.update(record.given("credit_code", "code").values())
        for key in ("sites", "lines", "facilities", "pairings"):
            references.update(
                record.values["enterprise"]
                for record in self.records[key]
                if record.get("enterprise")
            )
        return references

    def _load(self) -> None:
        actor, references = self.context.actor, self._references()
        upper = {reference.upper() for reference in references}
        stands = Enterprise.objects.visible_to(actor).filter(
            Q(credit_code__in=upper) | Q(code__in=references)
        )
        for enterprise in stands.select_related("county"):
            self._keep(EnterpriseNode(enterprise))
        by_pk = {node.instance.pk: node for node in self.nodes}
        self._load_below(by_pk)
        divisions = Division.objects.filter(kind__in=[DivisionKind.COUNTY, DivisionKind.AREA])
        self._divisions: dict[str, list[Division]] = defaultdict(list)
        for division in divisions:
            if self.context.covers(division):
                for word in {division.code, division.name, division.name_en.lower()} - {""}:
                    self._divisions[word].append(division)

    def _load_below(self, by_pk: dict[int, EnterpriseNode]) -> None:
        ids = list(by_pk)

        def rows(model: Any, lookup: str) -> QuerySet[Any]:
            return model.objects.filter(**{f"{lookup}__in": ids}).order_by("pk")

        for contact in rows(Contact, "enterprise"):
            by_pk[contact.enterprise_id].contacts.append(contact)
        sites: dict[int, SiteNode] = {}
        for site in rows(Site, "enterprise"):
            of = by_pk[site.enterprise_id]
            sites[site.pk] = of.sites[site.name] = SiteNode(site, enterprise=of)
        lines: dict[int, LineNode] = {}
        for line in rows(ProductionLine, "site__enterprise"):
            lines[line.pk] = sites[line.site_id].lines[line.name] = LineNode(line)
        for grade in rows(LineGrade, "line__site__enterprise"):
            lines[grade.line_id].grades.append(grade)
        facilities: dict[int, FacilityNode] = {}
        for facility in rows(Facility, "site__enterprise"):
            node = FacilityNode(facility, site=sites[facility.site_id])
            facilities[facility.pk] = node
            node.site.enterprise.facilities[facility.code].append(node)
        for threshold in rows(Threshold, "facility__site__enterprise"):
            facilities[threshold.facility_id].thresholds.append(threshold)
        self.facilities_by_pk = facilities
        self.enterprises_by_pk = by_pk
        self.sites_by_pk = sites
        self._load_pairings(ids, facilities)

    def _load_pairings(self, ids: list[int], facilities: dict[int, FacilityNode]) -> None:
        members: dict[tuple[str, int], set[FacilityNode]] = defaultdict(set)
        for side in ("productions", "controls"):
            through = getattr(Pairing, side).through
            pairs = through.objects.filter(pairing__site__enterprise__in=ids)
            for pairing_id, facility_id in pairs.values_list("pairing_id", "facility_id"):
                if facility_id in facilities:
                    members[side, pairing_id].add(facilities[facility_id])
        for pairing in Pairing.objects.filter(site__enterprise__in=ids).order_by("pk"):
            self.sites_by_pk[pairing.site_id].pairings.append(
                PairingState(
                    pairing,
                    pairing.stage,
                    frozenset(members["productions", pairing.pk]),
                    frozenset(members["controls", pairing.pk]),
                    pairing.mode,
                    pairing.at_least,
                    pairing.lead_s,
                    pairing.lag_s,
                    pairing.min_ratio,
                    pairing.valid_from,
                    pairing.valid_to,
                )
            )

    def _keep(self, node: EnterpriseNode) -> None:
        self.nodes.append(node)
        if node.instance.credit_code:
            self._by_credit_code.setdefault(node.instance.credit_code, node)
        if node.instance.code:
            self._by_code.setdefault(node.instance.code, node)

    # --- enterprises ---

    def _take_enterprise(self, record: Record) -> None:
        credit_code, code = record.get("credit_code", ""), record.get("code", "")
        refused = record.refused.get("credit_code", "").upper()
        if not (credit_code or code or refused):
            self.report.add(
                record,
                "credit_code",
                _("Please give the unified social credit code or the internal number."),
            )
            return
        by_credit, by_code = self._by_credit_code.get(credit_code), self._by_code.get(code)
        if by_credit and by_code and by_credit is not by_code:
            self.report.add(
                record,
                "code",
                _("The credit code and the internal number belong to two different enterprises."),
            )
            return
        found = by_credit or by_code
        if found is not None and found.first_row is not None:
            text = _("The same enterprise stands in row %(row)s already.")
            self.report.add(
                record, "credit_code" if by_credit else "code", text % {"row": found.first_row}
            )
            return
        county = self._find_county(record)
        if found is None:
            found = self._new_enterprise(record, credit_code, code, refused)
        else:
            self._check_standing(record, found, credit_code)
        found.first_row = record.number
        found.is_doubtful = record.is_faulty
        values = record.given(
            "name", "industry", "industry_code", "permit_number", "management_class",
            "performance_grade", "is_key", "address", "legal_representative",
        )  # fmt: skip
        if credit_code:
            values["credit_code"] = credit_code
        if code:
            values["code"] = code
        if found.is_new:
            values["code"] = code or credit_code
        if county is not None:
            values["county_id"] = county.pk
        found.put(values)
        self._keep_keys(found)
        if not found.is_new and "county_id" in found.changed and county is not None:
            found.instance.county = county
        self._take_contact(record, found)
        if not record.is_faulty:
            self.context.count(record, found.outcome)

    def _keep_keys(self, node: EnterpriseNode) -> None:
        if node.instance.credit_code:
            self._by_credit_code.setdefault(node.instance.credit_code, node)
        if node.instance.code:
            self._by_code.setdefault(node.instance.code, node)

    def _find_county(self, record: Record) -> Division | None:
        name = record.get("county")
        if not name:
            return None
        found = self._divisions.get(name) or self._divisions.get(name.lower()) or []
        if len(found) == 1:
            return found[0]
        if found:
            codes = "、".join(sorted(division.code for division in found))
            text = _("Several divisions have this name; please write the code: %(codes)s.")
            self.report.add(record, "county", text % {"codes": codes})
        else:
            self.report.add(record, "county", _("No county of your area has this name or code."))
        return None

    def _new_enterprise(
        self, record: Record, credit_code: str, code: str, refused: str
    ) -> EnterpriseNode:
        taken = self.context.taken
        outside = _("This is registered already, outside your area.")
        if credit_code in taken.credit_codes:
            self.report.add(record, "credit_code", outside)
        elif (code or credit_code) in taken.codes:
            self.report.add(record, "code" if code else "credit_code", outside)
        node = EnterpriseNode(Enterprise(code=code or credit_code), is_new=True)
        self.nodes.append(node)
        if refused:
            self._by_credit_code.setdefault(refused, node)
            self._by_code.setdefault(refused, node)
        return node

    def _check_standing(self, record: Record, found: EnterpriseNode, credit_code: str) -> None:
        stands = found.instance
        if not self.context.covers(stands.county):
            self.report.add(record, "", _("You may not import for this enterprise's county."))
        if credit_code and stands.credit_code and stands.credit_code != credit_code:
            self.report.add(
                record,
                "credit_code",
                _("The enterprise with this internal number has another credit code on file."),
            )
        if (
            credit_code
            and not stands.credit_code
            and credit_code in self.context.taken.credit_codes
        ):
            self.report.add(
                record, "credit_code", _("This is registered already, outside your area.")
            )

    def _take_contact(self, record: Record, node: EnterpriseNode) -> None:
        name, phone = record.get("contact_name"), record.get("contact_phone", "")
        if not name:
            if phone:
                self.report.add(record, "contact_name", _("Whose telephone is it?"))
            return
        for contact in node.contacts:
            if contact.name == name and contact.kind == ContactKind.OFFICER:
                if phone and contact.phone != phone:
                    kept = Node(contact)
                    kept.put({"phone": phone})
                    self._contacts.append(kept)
                    node.is_touched = True
                return
        contact = Contact(
            enterprise=node.instance, kind=ContactKind.OFFICER, name=name, phone=phone
        )
        self._contacts.append(Node(contact, is_new=True))
        node.is_touched = True

    def find_enterprise(self, record: Record) -> EnterpriseNode | None:
        """Return the enterprise that another sheet's row names; a problem where there is none."""
        reference = record.get("enterprise")
        if not reference:
            return None
        node = self._by_credit_code.get(reference.upper()) or self._by_code.get(reference)
        if node is None:
            self.report.add(
                record,
                "enterprise",
                _("No enterprise of your area, and none of the sheet 企业, has this code."),
            )
            return None
        if (
            not node.is_new
            and node.first_row is None
            and not self.context.covers(node.instance.county)
        ):
            self.report.add(
                record, "enterprise", _("You may not import for this enterprise's county.")
            )
            return None
        return node

    # --- sites and lines ---

    def _new_site(self, node: EnterpriseNode, name: str) -> SiteNode:
        site = SiteNode(Site(enterprise=node.instance, name=name), is_new=True, enterprise=node)
        node.sites[name] = site
        return site

    def _take_site(self, record: Record) -> None:
        node, name = self.find_enterprise(record), record.get("name")
        if node is None or not name:
            return
        site = node.sites.get(name) or self._new_site(node, name)
        if self._is_repeated(record, site, "name"):
            return
        site.put(record.given("address", "longitude", "latitude"))
        if not record.is_faulty:
            self.context.count(record, site.outcome)

    def _is_repeated(self, record: Record, node: Node, key: str) -> bool:
        if node.first_row is not None:
            text = _("The same stands in row %(row)s already.")
            self.report.add(record, key, text % {"row": node.first_row})
            return True
        node.first_row = record.number
        return False

    def find_site(self, record: Record, node: EnterpriseNode) -> SiteNode | None:
        """Return the site that a row means: the named one, or the only one there is."""
        name = record.get("site")
        if not node.sites:
            return self._new_site(node, name or DEFAULT_SITE)
        if name:
            if name not in node.sites:
                text = _(
                    "The enterprise has no site of this name. Please add it to the sheet 厂区."
                )
                self.report.add(record, "site", text)
            return node.sites.get(name)
        if len(node.sites) == 1:
            return next(iter(node.sites.values()))
        names = "、".join(node.sites)
        text = _("The enterprise has several sites; please name one: %(names)s.")
        self.report.add(record, "site", text % {"names": names})
        return None

    def _take_line(self, record: Record) -> None:
        node, name = self.find_enterprise(record), record.get("name")
        if node is None or not name or (site := self.find_site(record, node)) is None:
            return
        line = site.lines.get(name)
        if line is None:
            new = ProductionLine(site=site.instance, name=name, position=len(site.lines))
            line = site.lines[name] = LineNode(new, is_new=True)
        if self._is_repeated(record, line, "name"):
            return
        given = record.given("grade", "basis")
        if "grade" in given:
            change = self.context.decide(record, line.grades, given, ("grade", "basis"))
            if change:
                values = {"basis": "", **change.values}
                self._grades.append(
                    LineGrade(line=line.instance, valid_from=change.valid_from, **values)
                )
                line.is_touched = True
        if not record.is_faulty:
            self.context.count(record, line.outcome)

    # --- facilities ---

    def _take_facility(self, record: Record) -> None:
        node, code = self.find_enterprise(record), record.get("code")
        if node is None or not code:
            return
        found = self._facility_that_stands(record, node, code)
        if found is None and record.is_faulty and len(node.facilities.get(code, ())) > 1:
            return
        if found is None:
            site = self.find_site(record, node)
            if site is None:
                return
            new = Facility(site=site.instance, code=code, position=len(node.facilities))
            found = FacilityNode(new, is_new=True, site=site)
            node.facilities[code].append(found)
            for key in ("name", "kind", "rated_kw"):
                if key not in record.values and key not in record.refused:
                    self.report.add(record, key, _("This must be filled in for a new facility."))
        if self._is_repeated(record, found, "code"):
            return
        found.put(
            record.given(
                "name", "kind", "process_step", "load_class", "rated_kw", "drive",
                "nominal_voltage_v", "keep_warm_kw", "duty_group", "is_safety_critical",
            )
        )  # fmt: skip
        self._take_line_of(record, found)
        self._take_threshold(record, found)
        if not record.is_faulty:
            self.context.count(record, found.outcome)

    def _facility_that_stands(
        self, record: Record, node: EnterpriseNode, code: str
    ) -> FacilityNode | None:
        found = node.facilities.get(code, [])
        name = record.get("site")
        if name:
            of_site = [one for one in found if one.site.instance.name == name]
            if found and not of_site and name in node.sites:
                text = _("A facility with this code stands on the site %(site)s.")
                self.report.add(record, "code", text % {"site": found[0].site.instance.name})
            return of_site[0] if of_site else None
        if len(found) > 1:
            text = _("Several sites have a facility with this code; please name the site.")
            self.report.add(record, "site", text)
            return None
        return found[0] if found else None

    def _take_line_of(self, record: Record, facility: FacilityNode) -> None:
        name = record.get("line")
        if not name:
            return
        line = facility.site.lines.get(name)
        if line is None:
            text = _("The site has no production line of this name. Please add it to 生产线.")
            self.report.add(record, "line", text)
            return
        if line.is_new or facility.instance.line_id != line.instance.pk:
            facility.instance.line = line.instance
            if not facility.is_new:
                facility.changed.add("line")

    def _take_threshold(self, record: Record, facility: FacilityNode) -> None:
        given = record.given("off_below_kw", "on_from_kw", "reference_kw", "source")
        if not given.keys() & {"off_below_kw", "on_from_kw", "reference_kw"}:
            return
        both = given.keys() >= {"off_below_kw", "on_from_kw"}
        if not both and not facility.thresholds:
            key = "on_from_kw" if "off_below_kw" in given else "off_below_kw"
            if key not in record.refused:
                self.report.add(record, key, _("Both thresholds must be given."))
            return
        if both and given["on_from_kw"] <= given["off_below_kw"]:
            text = _("The power from which it is on must be above the one below which it is off.")
            self.report.add(record, "on_from_kw", text)
            return
        names = ("off_below_kw", "on_from_kw", "reference_kw", "source")
        change = self.context.decide(record, facility.thresholds, given, names)
        if change:
            values = {"source": ThresholdSource.COMMISSIONING, **change.values}
            if values["on_from_kw"] <= values["off_below_kw"]:
                self.report.add(
                    record, "on_from_kw", _("It does not fit the other threshold on file.")
                )
                return
            self._thresholds.append(
                Threshold(facility=facility.instance, valid_from=change.valid_from, **values)
            )
            facility.is_touched = True

    def find_facility(
        self, record: Record, node: EnterpriseNode, key: str, code: str, site: SiteNode | None
    ) -> FacilityNode | None:
        """Return a facility of the enterprise by its code; a problem where there is none."""
        found = node.facilities.get(code, [])
        if site is not None and len(found) > 1:
            found = [one for one in found if one.site is site]
        if not found:
            if not node.is_doubtful:
                text = _("The enterprise has no facility with the code %(code)s.")
                self.report.add(record, key, text % {"code": code})
            return None
        if len(found) > 1:
            text = _("Several sites have a facility with this code; please name the site.")
            self.report.add(record, "site", text)
            return None
        return found[0]

    # --- pairings ---

    def _take_pairings(self, records: Sequence[Record]) -> None:
        resolved = []
        for record in records:
            sides = self._sides(record)
            if sides is not None:
                resolved.append((record, *sides))
        in_stage: dict[tuple[SiteNode, str], list[Record]] = defaultdict(list)
        seen: dict[tuple[SiteNode, str, FacilityNode], int] = {}
        for record, site, productions, _controls in resolved:
            stage = record.values["stage"]
            in_stage[site, stage].append(record)
            for facility in productions:
                row = seen.setdefault((site, stage, facility), record.number)
                if row != record.number:
                    text = _("Facility %(code)s is paired for this stage in row %(row)s already.")
                    code = facility.instance.code
                    self.report.add(record, "productions", text % {"code": code, "row": row})
        for record, site, productions, controls in resolved:
            if not record.is_faulty:
                alone = len(in_stage[site, record.values["stage"]]) == 1
                self._take_pairing(record, site, productions, controls, alone=alone)

    def _sides(
        self, record: Record
    ) -> tuple[SiteNode, frozenset[FacilityNode], frozenset[FacilityNode]] | None:
        node = self.find_enterprise(record)
        if node is None or not record.get("stage"):
            return None
        site = node.sites.get(record.get("site", "")) if record.get("site") else None
        if record.get("site") and site is None:
            self.find_site(record, node)
            return None
        sides: dict[str, list[FacilityNode]] = {}
        joins = _("%(code)s is of the kind “%(kind)s”; a pairing joins production to control.")
        for key, wrong in (
            ("productions", FacilityKind.CONTROL),
            ("controls", FacilityKind.PRODUCTION),
        ):
            sides[key] = []
            for code in record.get(key, []):
                facility = self.find_facility(record, node, key, code, site)
                if facility is None:
                    continue
                kind = facility.instance.kind
                if kind in {wrong, FacilityKind.AUXILIARY, FacilityKind.MAIN}:
                    label = FacilityKind(kind).label
                    self.report.add(record, key, joins % {"code": code, "kind": label}, value=code)
                sides[key].append(facility)
        everyone = [*sides["productions"], *sides["controls"]]
        if len({id(one.site) for one in everyone}) > 1:
            self.report.add(record, "controls", _("The facilities stand on different sites."))
        if not sides["productions"] or not sides["controls"]:
            return None
        if set(sides["productions"]) & set(sides["controls"]):
            self.report.add(
                record, "controls", _("The same facility stands on both sides of the pairing.")
            )
        at_least = record.get("at_least")
        if at_least and at_least > len(sides["controls"]):
            text = _("More than the control facilities named here (%(count)s).")
            self.report.add(record, "at_least", text % {"count": len(sides["controls"])})
        return everyone[0].site, frozenset(sides["productions"]), frozenset(sides["controls"])

    def _take_pairing(
        self,
        record: Record,
        site: SiteNode,
        productions: frozenset[FacilityNode],
        controls: frozenset[FacilityNode],
        *,
        alone: bool,
    ) -> None:
        of_stage = [one for one in site.pairings if one.stage == record.values["stage"]]
        chain = [one for one in of_stage if one.productions == productions]
        standing = [one for one in of_stage if one.valid_to is None]
        if not chain and alone and len(standing) == 1:
            chain = standing
        given = record.given("mode", "at_least", "lead_s", "lag_s", "min_ratio")
        given |= {"productions": productions, "controls": controls}
        change = self.context.decide(record, chain, given, PAIRING_NAMES)
        if record.is_faulty:
            return
        if change is None:
            self.context.count(record, "same")
            return
        self.context.count(record, "changed" if chain else "new")
        if change.ends is not None:
            change.ends.instance.valid_to = change.valid_from
            self._ended_pairings.append(change.ends.instance)
        values = dict(change.values)
        members = {side: values.pop(side) for side in ("productions", "controls")}
        pairing = Pairing(
            site=site.instance,
            stage=record.values["stage"],
            valid_from=change.valid_from,
            **values,
        )
        self._pairings.append((pairing, members))

    # --- writing ---

    def _all(self, kind: type[Node]) -> list[Any]:
        found: list[Any] = []
        for node in self.nodes:
            for site in node.sites.values():
                if kind is SiteNode:
                    found.append(site)
                elif kind is LineNode:
                    found += site.lines.values()
            if kind is FacilityNode:
                found += [one for same in node.facilities.values() for one in same]
        return found

    def count_rows(self) -> int:
        """Return how many rows of tables ``write`` will write."""
        nodes: list[Node] = [*self.nodes, *self._contacts]
        for kind in (SiteNode, LineNode, FacilityNode):
            nodes += self._all(kind)
        dated = len(self._grades) + len(self._thresholds)
        pairings = len(self._ended_pairings) + len(self._pairings)
        members = sum(len(side) for _pairing, sides in self._pairings for side in sides.values())
        return count_unsaved(nodes) + dated + pairings + members

    def write(self, progress: Progress = lambda rows: None) -> None:
        """Write what is new and changed, in the caller's transaction."""
        for node in self.nodes:
            if node.is_new or "name" in node.changed:
                one = node.instance
                one.name_pinyin, one.name_initials = to_pinyin(one.name)
                if not node.is_new:
                    node.changed |= {"name_pinyin", "name_initials"}
        save_nodes(Enterprise, self.nodes, progress)
        save_nodes(Contact, self._contacts, progress)
        new_sites = [node.instance for node in self._all(SiteNode) if node.is_new]
        save_nodes(Site, self._all(SiteNode), progress)
        join_company(new_sites, now=self.context.now)
        save_nodes(ProductionLine, self._all(LineNode), progress)
        save_nodes(Facility, self._all(FacilityNode), progress)
        create_all(LineGrade, self._grades, progress)
        create_all(Threshold, self._thresholds, progress)
        update_all(Pairing, self._ended_pairings, ["valid_to"], progress)
        create_all(Pairing, [pairing for pairing, _members in self._pairings], progress)
        for side in ("productions", "controls"):
            through: Any = getattr(Pairing, side).through
            create_all(
                through,
                [
                    through(pairing_id=pairing.pk, facility_id=facility.instance.pk)
                    for pairing, members in self._pairings
                    for facility in members[side]
                ],
                progress,
            )
