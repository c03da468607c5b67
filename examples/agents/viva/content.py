"""The questions of the viva: six invented colleges, each with four scenarios of three questions.

Change them here. Of a question, `points` are what a good answer names. Each point is a tuple of
words that all mean it; the first of them is how the examiner calls it in the feedback. A word of
four letters or more also stands for what begins with it: "bleed" is found in "bleeding".

This is material to practise speaking with, and no medical advice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    points: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    key: str
    story: str
    """Read to the candidate before the first question."""
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class College:
    key: str
    name: str
    known_by: tuple[str, ...]
    """Words by which a candidate who is asked for the college means this one."""
    scenarios: tuple[Scenario, ...]


def _question(text: str, *points: str) -> Question:
    """Points are written as "bleeding / haemorrhage / blood loss"."""
    return Question(text, tuple(tuple(w.strip() for w in point.split("/")) for point in points))


_MEDICINE = College(
    "wexcombe",
    "Wexcombe College of Medicine",
    ("wexcombe", "medicine", "physician"),
    (
        Scenario(
            "chest-pain",
            "A man of fifty-eight has had heavy chest pain for one hour.",
            (
                _question(
                    "Which causes of his pain must you not miss?",
                    "a heart attack / infarct / coronary",
                    "a pulmonary embolus / embol / clot in the lung / clot on the lung",
                    "an aortic dissection / dissection / aort",
                ),
                _question(
                    "Which tests do you ask for first?",
                    "an electrocardiogram / ECG / EKG / heart tracing",
                    "troponin / tropon / cardiac enzyme",
                    "a chest X-ray / x-ray / x ray / xray / radiograph",
                ),
                _question(
                    "The tracing shows an infarction. How do you treat him now?",
                    "aspirin / antiplatelet",
                    "pain relief / morphine / analges / opiate / opioid",
                    "opening the artery / angioplast / intervention / stent / thrombolys",
                ),
            ),
        ),
        Scenario(
            "diabetes",
            "A woman of twenty with diabetes is drowsy and has been vomiting for two days.",
            (
                _question(
                    "What do you think of first, and how do you confirm it?",
                    "ketoacidosis / ketoacid / acidosis",
                    "blood glucose / glucose / blood sugar / sugar",
                    "ketones / keton",
                    "a blood gas / bicarbonate / the pH / acid",
                ),
                _question(
                    "What do you give in the first hour?",
                    "fluids / fluid / saline / drip",
                    "insulin",
                    "attention to potassium / potassium",
                ),
                _question(
                    "What could have brought this on?",
                    "an infection / infect / pneumonia / sepsis / flu",
                    "missed insulin / missed / forgot / stopped / not taking / adherence",
                    "a new diagnosis / first presentation / undiagnosed",
                ),
            ),
        ),
        Scenario(
            "breathless",
            "A smoker of seventy is short of breath and coughs more than usual.",
            (
                _question(
                    "What do you look for when you examine him?",
                    "the breathing rate / rate / respiratory rate / breathing fast / tachypn",
                    "oxygen saturation / saturation / oxygen / cyanosis / blue",
                    "wheeze / wheez / crackle / breath sounds",
                ),
                _question(
                    "How do you treat a flare of chronic obstructive lung disease?",
                    "bronchodilators / bronchodilat / salbutamol / nebul / inhal",
                    "steroids / steroid / predniso",
                    "controlled oxygen / oxygen",
                    "antibiotics / antibiotic",
                ),
                _question(
                    "What helps him most in the years to come?",
                    "stopping smoking / smok / cigarette",
                    "vaccination / vaccin / immunis / immuniz / flu jab",
                    "pulmonary rehabilitation / rehab / exercise / physiotherap",
                ),
            ),
        ),
        Scenario(
            "headache",
            "A teacher of forty has the worst headache of her life. It came within a second.",
            (
                _question(
                    "What worries you most, and what else may it be?",
                    "a subarachnoid haemorrhage / subarachnoid / bleed / haemorrhage / hemorrhage",
                    "meningitis / mening",
                    "migraine",
                ),
                _question(
                    "How do you find out?",
                    "a scan of the head / scan / CT / tomogra",
                    "a lumbar puncture / lumbar / spinal tap / spinal fluid",
                    "a neurological examination / neurolog / examin / neck stiffness / stiff neck",
                ),
                _question(
                    "The scan shows blood. What are the next steps?",
                    "calling neurosurgery / neurosurg / surgeon / referr",
                    "controlling the blood pressure / blood pressure / hypertens",
                    "nimodipine / nimodip / vasospasm / calcium",
                ),
            ),
        ),
    ),
)

_SURGERY = College(
    "thornbury",
    "Thornbury College of Surgery",
    ("thornbury", "surgery", "surgeon", "surgical"),
    (
        Scenario(
            "appendix",
            "A student of nineteen has pain in the right lower belly since yesterday.",
            (
                _question(
                    "What do you ask and examine?",
                    "how the pain moved / moved / navel / umbilic / migrat / started",
                    "fever / temperature",
                    "tenderness and guarding / tender / guard / rebound / McBurney",
                ),
                _question(
                    "Which other diagnoses do you keep in mind?",
                    "an ectopic pregnancy / pregnan / ectopic",
                    "a urinary infection / urin / kidney stone / renal",
                    "an ovarian cyst / ovar / cyst / torsion",
                    "bowel disease / Crohn / bowel / mesenteric",
                ),
                _question(
                    "How do you prepare the patient for an appendicectomy?",
                    "consent / explain",
                    "nothing to eat / fast / nothing by mouth / nil by mouth / empty stomach",
                    "antibiotics / antibiotic",
                    "fluids / fluid / drip",
                ),
            ),
        ),
        Scenario(
            "trauma",
            "A cyclist was hit by a car. He is pale and his pulse is fast.",
            (
                _question(
                    "In which order do you assess him?",
                    "the airway",
                    "breathing / breath",
                    "circulation / circulat / bleed",
                    "disability / disabil / conscious / neurolog",
                ),
                _question(
                    "Where may he be losing blood?",
                    "the chest / thora",
                    "the abdomen / abdom / belly / spleen / liver",
                    "the pelvis / pelvi",
                    "the long bones / femur / thigh / long bone",
                ),
                _question(
                    "What do you do about the bleeding?",
                    "pressure on the wound / pressure / tourniquet / compress",
                    "blood products / transfus / give blood / blood product / plasma",
                    "an operation / operat / theatre / surgery / emboli",
                    "tranexamic acid / tranexam",
                ),
            ),
        ),
        Scenario(
            "gallstones",
            "A woman of forty-five has pain under the right ribs after meals.",
            (
                _question(
                    "What complications can gallstones have?",
                    "cholecystitis / cholecystit / inflam",
                    "jaundice / bile duct / obstruct",
                    "pancreatitis / pancreat",
                ),
                _question(
                    "How do you investigate her?",
                    "an ultrasound / ultraso / sonogra",
                    "liver tests / liver / bilirubin",
                    "inflammation markers / white cell / CRP / inflammat / blood count",
                ),
                _question(
                    "What can go wrong when the gallbladder is removed?",
                    "an injury of the bile duct / bile duct / bile leak / duct injur",
                    "bleeding / bleed / haemorrhage / hemorrhage",
                    "infection / infect / abscess",
                ),
            ),
        ),
        Scenario(
            "wound",
            "Five days after a bowel operation a wound is red, and the patient has a fever.",
            (
                _question(
                    "Where may the fever come from?",
                    "the wound",
                    "the chest / lung / pneumonia",
                    "the urine / urin",
                    "a leak of the bowel / leak / anastomo",
                    "a clot in the leg / clot / thrombos / vein",
                ),
                _question(
                    "How do you treat an infected wound?",
                    "opening and draining it / open / drain / pus",
                    "cleaning / clean / irrigat / debrid / wash",
                    "a swab / culture / sample",
                    "antibiotics / antibiotic",
                ),
                _question(
                    "How can infections after operations be prevented?",
                    "washing hands / hand / scrub",
                    "antibiotics before the incision / prophyla / antibiotic",
                    "a sterile technique / steril / asep",
                    "keeping the patient warm / warm / temperature",
                ),
            ),
        ),
    ),
)

_CHILDREN = College(
    "larkfield",
    "Larkfield College of Child Health",
    ("larkfield", "child", "children", "paediatric", "pediatric"),
    (
        Scenario(
            "fever",
            "A mother brings her two-year-old son with a fever of thirty-nine and a half.",
            (
                _question(
                    "Which signs tell you that he is seriously ill?",
                    "drowsiness / drows / sleepy / floppy / hard to wake / letharg",
                    "a rash that does not fade / rash / purpur / petech / spots",
                    "fast or laboured breathing / breath / grunt",
                    "poor circulation / capillary / mottled / pale / cold hands",
                ),
                _question(
                    "Which common causes do you look for?",
                    "an ear infection / ear / otitis",
                    "a throat infection / throat / tonsil",
                    "a chest infection / chest / pneumonia",
                    "a urinary infection / urin",
                ),
                _question(
                    "What do you tell the mother before she goes home?",
                    "to give fluids / fluid / drink",
                    "how to use paracetamol / paracetamol / acetaminophen / ibuprofen",
                    "when to come back / come back / return / worse / safety net",
                ),
            ),
        ),
        Scenario(
            "wheeze",
            "A girl of six with asthma cannot finish her sentences.",
            (
                _question(
                    "How do you judge how bad the attack is?",
                    "talking / talk / speak / speech / sentence",
                    "the oxygen saturation / saturation / oxygen",
                    "the breathing rate and effort / rate / accessory / recession / effort",
                    "the peak flow",
                ),
                _question(
                    "What is your treatment in the first minutes?",
                    "oxygen",
                    "salbutamol / albuterol / bronchodilat / nebul / inhaler",
                    "steroids / steroid / predniso",
                ),
                _question(
                    "She is well again. How do you prevent the next attack?",
                    "checking how she inhales / technique / spacer",
                    "a preventer / inhaled steroid / steroid",
                    "avoiding triggers / trigger / smok / dust / pet / allerg",
                    "a written plan / plan",
                ),
            ),
        ),
        Scenario(
            "dehydration",
            "A baby of nine months has had diarrhoea and vomiting for two days.",
            (
                _question(
                    "Which signs of dehydration do you look for?",
                    "few wet nappies / nappies / diaper / urin",
                    "a sunken fontanelle / fontanel / sunken / soft spot",
                    "a dry mouth / dry / mucous / tears",
                    "a slow capillary refill / capillary / skin turgor / turgor",
                ),
                _question(
                    "How do you replace the fluid?",
                    "oral rehydration / oral / rehydrat / by mouth",
                    "small amounts often / small / sips / often / little",
                    "a tube or a drip if that fails / drip / intravenous / tube / vein",
                ),
                _question(
                    "How is the spread to other children avoided?",
                    "washing hands / hand / wash",
                    "staying away from the nursery / nursery / home / isolat / away / daycare",
                    "vaccination against rotavirus / vaccin / rotavirus / immunis / immuniz",
                ),
            ),
        ),
        Scenario(
            "growth",
            "At school a boy of eight is the smallest of his class.",
            (
                _question(
                    "What do you want to know?",
                    "the height of his parents / parent / mother / father / famil",
                    "his growth so far / growth chart / chart / centile / percentile / curve",
                    "what he eats / diet / eat / nutrition / appetite",
                    "his birth / pregnan / premature",
                ),
                _question(
                    "What can cause a child to grow slowly?",
                    "the family / famil / genetic / constitutional / inherit",
                    "coeliac disease / coeliac / celiac / gut / malabsor",
                    "too little growth hormone / hormone / pituitary",
                    "an underactive thyroid / thyroid",
                    "neglect / emotional / depriv",
                ),
                _question(
                    "Which first tests help?",
                    "the age of the bones / bone age / bone / wrist",
                    "thyroid tests / thyroid",
                    "antibodies for coeliac disease / antibod / coeliac / celiac",
                    "a blood count / full blood / anaemia / anemia",
                ),
            ),
        ),
    ),
)

_ANAESTHESIA = College(
    "harrowgate",
    "Harrowgate College of Anaesthesia",
    ("harrowgate", "anaesthesia", "anesthesia", "anaesthetic", "anesthetic", "anaesthetist"),
    (
        Scenario(
            "airway",
            "You are to anaesthetise a heavy man with a short neck for a hernia repair.",
            (
                _question(
                    "How do you assess his airway beforehand?",
                    "how far the mouth opens / mouth / teeth / Mallampati",
                    "how the neck moves / neck",
                    "earlier anaesthetics / previous / earlier / history / notes / record",
                ),
                _question(
                    "How do you prepare for a difficult airway?",
                    "oxygen beforehand / preoxygen / pre-oxygen / oxygen",
                    "good positioning / position / ramp / pillow",
                    "a plan and equipment / plan / video / bougie / equipment / trolley",
                    "help / senior / colleague",
                ),
                _question(
                    "You can neither intubate nor ventilate him. What now?",
                    "calling for help / help",
                    "a laryngeal mask / laryngeal / supraglottic / mask",
                    "waking him up / wake / waking",
                    "a cut into the windpipe / cricothyr / tracheo / scalpel / surgical",
                ),
            ),
        ),
        Scenario(
            "allergy",
            "Two minutes after an antibiotic the blood pressure falls and the chest wheezes.",
            (
                _question(
                    "What is this, and which other signs do you look for?",
                    "anaphylaxis / anaphyla / allerg",
                    "a rash / hives / urticaria / flush / red skin",
                    "swelling / swell / oedema / edema",
                    "a fast heart / tachycard / fast pulse",
                ),
                _question(
                    "What do you do at once?",
                    "stopping the antibiotic / stop / remove / trigger",
                    "adrenaline / adrenal / epinephrine",
                    "oxygen / airway",
                    "fluids / fluid / saline",
                ),
                _question(
                    "What has to happen afterwards?",
                    "blood for tryptase / tryptase",
                    "observation / observ / monitor / intensive care",
                    "a referral to an allergy clinic / clinic / referr / test / allergolog",
                    "telling the patient / tell / inform / document / notes / bracelet",
                ),
            ),
        ),
        Scenario(
            "spinal",
            "A woman of thirty is to have a caesarean section under a spinal anaesthetic.",
            (
                _question(
                    "Which risks do you explain to her?",
                    "a headache",
                    "low blood pressure / blood pressure / hypotens",
                    "that it may not work / fail / not work / general / incomplete",
                    "damage of nerves / nerve / paraly / numb",
                ),
                _question(
                    "When would you not do it?",
                    "when she refuses / refus / consent / does not want",
                    "with a bleeding disorder / bleed / clot / coagul / anticoag / thinner",
                    "with an infection of the skin / infect / sepsis",
                    "with too little volume / hypovol / shock / volume",
                ),
                _question(
                    "Her blood pressure falls. What do you do?",
                    "fluids / fluid",
                    "a vasopressor / vasopress / phenylephrine / ephedrine / metaraminol",
                    "tilting her to the left / tilt / left / uterus / wedge",
                ),
            ),
        ),
        Scenario(
            "pain",
            "The morning after a knee replacement a patient reports strong pain.",
            (
                _question(
                    "How do you assess the pain?",
                    "a scale / score / out of ten / rate",
                    "where it is and of what kind / where / site / kind / character / type",
                    "pain at rest and in movement / rest / move / walk",
                ),
                _question(
                    "Which treatments do you combine?",
                    "paracetamol / acetaminophen",
                    "anti-inflammatory drugs / inflammator / ibuprofen / nonsteroid / NSAID",
                    "opioids / opioid / morphine / opiate",
                    "a nerve block / block / local / regional",
                ),
                _question(
                    "Which harms of opioids do you watch for?",
                    "slow breathing / breath / respirat",
                    "nausea / vomit / sick",
                    "constipation / constipat",
                    "drowsiness / drows / sedat / sleep / confus",
                ),
            ),
        ),
    ),
)

_LAW = College(
    "ashdown",
    "Ashdown College of Law",
    ("ashdown", "law", "legal", "lawyer"),
    (
        Scenario(
            "contract",
            "Ben offers his piano for sale by letter. Cara accepts, but her letter is lost.",
            (
                _question(
                    "What does a contract need?",
                    "an offer",
                    "an acceptance / accept",
                    "consideration / consider / exchange / price",
                    "the intention to be bound / intention / intend / bound",
                ),
                _question(
                    "How can an offer come to an end?",
                    "by being withdrawn / withdraw / withdrew / revo",
                    "by being refused / refus / reject",
                    "by a counter-offer / counter",
                    "by the passing of time / time / laps / expir / deadline",
                ),
                _question(
                    "Ben breaks a contract. What can Cara ask for?",
                    "damages / compensat / money",
                    "performance / perform / deliver",
                    "an end of the contract / terminat / rescind / rescission / cancel / end the",
                ),
            ),
        ),
        Scenario(
            "negligence",
            "A customer slips on a wet floor in a supermarket and breaks an arm.",
            (
                _question(
                    "What must the customer show?",
                    "a duty of care / duty",
                    "a breach of it / breach / standard",
                    "a cause / caus",
                    "damage / harm / loss / injur",
                ),
                _question(
                    "What may the supermarket say in its defence?",
                    "that there was a warning / warn / sign",
                    "the customer was careless too / contribut / careless / own fault",
                    "that it took reasonable care / reasonable / inspect / clean / system",
                    "that the risk was accepted / accept / consent / volunt",
                ),
                _question(
                    "Which losses can be made good?",
                    "pain and suffering / pain / suffer",
                    "lost earnings / earning / wage / income / work",
                    "the costs of treatment / treat / medical / care",
                ),
            ),
        ),
        Scenario(
            "evidence",
            "In a theft trial a witness repeats what a neighbour has told her.",
            (
                _question(
                    "What is wrong with this evidence?",
                    "it is hearsay / hearsay / second hand / secondhand / second-hand",
                    "the neighbour cannot be questioned / question / cross-exam / examin",
                    "it is less reliable / reliab / mistake / trust",
                ),
                _question(
                    "When may such a statement be heard nevertheless?",
                    "when the neighbour is dead or ill / dead / died / ill / unavailable / abroad",
                    "when both sides agree / agree",
                    "when justice requires it / justice / fair / discretion / court",
                ),
                _question(
                    "Who has to prove what in a criminal trial?",
                    "the prosecution / prosecut / state / crown",
                    "beyond reasonable doubt / doubt / sure",
                    "the accused is presumed innocent / innocen / presum / silent",
                ),
            ),
        ),
        Scenario(
            "privacy",
            "An employer reads the private messages of its staff without telling them.",
            (
                _question(
                    "Which interests stand against each other?",
                    "the privacy of the staff / privacy / private",
                    "the interest of the employer / business / employer / company / security",
                    "proportion / balanc / necess",
                ),
                _question(
                    "Which principles of data protection matter here?",
                    "openness / transparen / inform / tell / open",
                    "a lawful basis / lawful / legal / consent / basis",
                    "a purpose",
                    "as little data as possible / minim / little / necess / limit",
                ),
                _question(
                    "What can an employee do?",
                    "complaining to the authority / complain / authority / regulator / commission",
                    "asking for the data / access / copy / ask for",
                    "going to court / court / sue / claim / damages / compensat",
                ),
            ),
        ),
    ),
)

_ENGINEERING = College(
    "millbrook",
    "Millbrook College of Engineering",
    ("millbrook", "engineering", "engineer"),
    (
        Scenario(
            "bridge",
            "A footbridge sways when many people walk over it.",
            (
                _question(
                    "Why does it sway?",
                    "resonance / resonan",
                    "its natural frequency / frequen",
                    "people fall into step / step / synchron / pace / rhythm",
                ),
                _question(
                    "How can the swaying be reduced?",
                    "dampers / dampe / dampi / absorb",
                    "more stiffness / stiff / brac / stronger",
                    "another mass / mass / heavier / weight",
                    "fewer people / fewer / limit / restrict / number of people",
                ),
                _question(
                    "Which loads does a bridge have to carry?",
                    "its own weight / dead load / self-weight / dead",
                    "traffic / people / live load / vehicle / pedestrian",
                    "wind",
                    "temperature / thermal / expan",
                ),
            ),
        ),
        Scenario(
            "network",
            "A web service becomes slow every evening when most people use it.",
            (
                _question(
                    "What do you measure first?",
                    "response times / response / latency / slow request",
                    "the processor and memory / processor / CPU / memory / load",
                    "the database / quer / disk",
                    "the network / bandwidth / traffic",
                ),
                _question(
                    "How can it be made to carry more?",
                    "caching / cach",
                    "more machines / more servers / scal / balanc / replica",
                    "better queries / index / quer / optimi",
                    "queues / queue / asynchron / background",
                ),
                _question(
                    "How do you keep one failing part from stopping everything?",
                    "timeouts / timeout / time out / deadline",
                    "redundancy / redundan / replica / backup / spare / failover",
                    "circuit breakers / breaker / isolat / bulkhead",
                    "watching it / monitor / alarm / alert / watch / health",
                ),
            ),
        ),
        Scenario(
            "materials",
            "A steel shaft in a pump broke after a year, though the load was never too high.",
            (
                _question(
                    "What is the most likely reason?",
                    "fatigue",
                    "repeated loads / repeat / cycl / alternat / vibrat",
                    "a crack that grew / crack",
                ),
                _question(
                    "How do you examine the broken surface?",
                    "by eye and microscope / microscop / look / visual / by eye",
                    "beach marks / beach / striation / lines",
                    "where the crack began / began / start / origin / initiat",
                ),
                _question(
                    "How should the new shaft differ?",
                    "rounder corners / round / radius / fillet / corner / notch",
                    "a smoother surface / smooth / polish / surface / finish",
                    "another material / material / alloy / harden / stronger",
                    "regular inspections / inspect / check / maint",
                ),
            ),
        ),
        Scenario(
            "power",
            "A village wants to live on solar power alone, also in winter.",
            (
                _question(
                    "What do you need to know before you plan?",
                    "how much is used / use / used / consum / demand / need",
                    "how much sun there is / sun / irradia / weather / season",
                    "when it is used / when / peak / night / profile / time",
                ),
                _question(
                    "How can energy be kept for the night and the winter?",
                    "batteries / batter",
                    "pumped water / pump / hydro / reservoir",
                    "hydrogen / gas",
                    "heat stores / heat / thermal",
                ),
                _question(
                    "What speaks for staying connected to the grid?",
                    "reliability / reliab / backup / secur / outage / failure",
                    "selling what is left / sell / surplus / excess / export / feed",
                    "smaller stores / smaller / fewer batteries / cheaper / cost",
                ),
            ),
        ),
    ),
)

COLLEGES: dict[str, College] = {
    college.key: college
    for college in (_MEDICINE, _SURGERY, _CHILDREN, _ANAESTHESIA, _LAW, _ENGINEERING)
}
